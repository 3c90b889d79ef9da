"""The pages of a list behind its first one: asked for once, and dropped when another list has come in their place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.base import DeskScreen

if TYPE_CHECKING:
    from datapulse_tui.data.page import Page

R = TypeVar("R")


class Pages:
    """`next` is the cursor of the page that follows what is loaded; None at the end, and while a list for another
    filter or order is awaited, for which the old cursor means nothing."""

    def __init__(self, screen: DeskScreen, rows: str) -> None:
        self._screen = screen
        self._rows = rows
        self.next: str | None = None
        self._asked: str | None = None

    def ask(self, page_of: Callable[[str], Awaitable[Page[R]]], add: Callable[[Page[R]], None]) -> None:
        """Read the next page, if there is one that is not awaited yet, and `add` it."""
        cursor = self.next
        if cursor is None or cursor == self._asked:
            return
        self._asked = cursor

        def came(page: Page[R]) -> None:
            self._asked = None
            if self.next == cursor:
                self.next = page.next
                add(page)

        def failed(error: DataPulseError) -> None:
            self._asked = None
            self._screen.desk.report(error)

        self._screen.read("more", f"reading more {self._rows}", lambda: page_of(cursor), came, failed)
