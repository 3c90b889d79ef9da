"""The pages of a list: each is asked for once, dropped when another list has come in its place, and read again with
the first one, so that nobody who has gone far down is taken back by what others do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
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
        self._another = False

    def forget(self) -> None:
        """Another list is wished for: it begins with its first page, and a page of this one that comes is dropped."""
        self.next, self._another = None, True

    def again(self, page_of: Callable[[str | None], Awaitable[P]], shown: int) -> Callable[[], Awaitable[P]]:
        """The work of reading the list from its beginning, as far as the `shown` rows reach; `began` takes what
        comes."""
        return partial(_read_as_far, page_of, 0 if self._another else shown)

    def began(self, page: Page[Any]) -> None:
        """The list has been read from its beginning."""
        self.next, self._another = page.next, False

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


async def _read_as_far(page_of: Callable[[str | None], Awaitable[P]], shown: int) -> P:
    page = await page_of(None)
    while page.next is not None and len(page.items) < shown:
        following = await page_of(page.next)
        page = replace(following, items=(*page.items, *following.items))
    return page
