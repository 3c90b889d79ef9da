"""The pages of a list behind its first one: asked for once, and dropped when another list has come in their place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui.screens.base import DeskScreen

if TYPE_CHECKING:
    from datapulse_tui.data.page import Page

P = TypeVar("P", bound="Page[Any]")


class Pages:
    """`next` is the cursor of the page that follows what is loaded; None at the end, and while a list for another
    filter or order is awaited, for which the old cursor means nothing."""

    def __init__(self, screen: DeskScreen, rows: str) -> None:
        self._screen = screen
        self._rows = rows
        self.next: str | None = None
        self._asked: str | None = None

    def ask(self, page_of: Callable[[str], Awaitable[P]], add: Callable[[P], None]) -> None:
        """Read the next page, if there is one that is not awaited yet, and `add` it."""
        cursor = self.next
        if cursor is None or cursor == self._asked:
            return
        self._asked = cursor

        def came(page: P) -> None:
            self._asked = None
            if self.next == cursor:
                self.next = page.next
                add(page)

        def failed(error: DataPulseError) -> None:
            self._asked = None
            self._screen.desk.report(error)

        self._screen.read(f"more {self._rows}", f"reading more {self._rows}", lambda: page_of(cursor), came, failed)

    def stop(self) -> None:
        """Do not wait for the page that was asked for; it can be asked for again."""
        self._asked = None
        self._screen.workers.cancel_group(self._screen, "more")
