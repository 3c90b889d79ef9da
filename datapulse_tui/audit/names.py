"""What the things in the trail are called now. Rooms above say how theirs are looked up (`register`); a thing that is
gone, or whose room says nothing, is known by its id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

Names = Callable[["Reader", Sequence[UUID]], Awaitable[Mapping[UUID, str]]]
"""Brings the names of those of the ids that are there."""

_registered: dict[str, Names] = {}


def register(resource_type: str, names: Names) -> None:
    """Have things of `resource_type` looked up by `names`; again replaces it."""
    _registered[resource_type] = names


async def look_up(session: Reader, things: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], str]:
    """The names of those things (kind, id) that have one, with one look-up for each kind."""
    by_kind: dict[str, dict[UUID, None]] = {}
    for kind, key in things:
        by_kind.setdefault(kind, {})[key] = None
    found: dict[tuple[str, UUID], str] = {}
    for kind, keys in by_kind.items():
        names = _registered.get(kind)
        if names is not None:
            found |= {(kind, key): name for key, name in (await names(session, list(keys))).items() if name}
    return found
