"""Pages of a list: read again as far as they reach, and from the beginning when another list is wished for."""

from __future__ import annotations

from typing import Any, cast

from datapulse_tui.data.page import Page
from datapulse_tui.tui.screens.pages import Pages


def pages() -> Pages:
    return Pages(cast(Any, None), "things")


async def tens(after: str | None) -> Page[int]:
    """35 things, ten a page."""
    start = int(after or 0)
    return Page(tuple(range(start, min(start + 10, 35))), str(start + 10) if start + 10 < 35 else None)


async def test_a_list_is_read_again_as_far_as_it_was_shown() -> None:
    list_ = pages()
    for shown, expected, following in ((0, 10, "10"), (10, 10, "10"), (11, 20, "20"), (35, 35, None), (99, 35, None)):
        page = await list_.again(tens, shown)()
        assert (page.items, page.next) == (tuple(range(expected)), following)


async def test_another_list_begins_with_its_first_page() -> None:
    list_ = pages()
    list_.began(await list_.again(tens, 30)())
    assert list_.next == "30"
    list_.forget()
    assert list_.next is None
    first = await list_.again(tens, 30)()
    assert (len(first.items), first.next) == (10, "10")
    list_.began(first)
    assert len((await list_.again(tens, 30)()).items) == 30
