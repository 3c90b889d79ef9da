"""Who may do what with a dashboard, how often it refreshes, and where its widgets stand. Pure decisions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor

VIEW = "dashboard:view"
CREATE = "dashboard:create"
SHARE = "dashboard:share"
PUBLISH = "dashboard:publish"
MANAGE = "dashboard:manage"

GRID_COLUMNS = 12
MAX_ROWS = 1_000
MAX_HEIGHT = 50
MAX_WIDGETS = 60
MIN_REFRESH = 5
MAX_REFRESH = 86_400
WIDGET_TYPES = ("line_chart", "bar_chart", "pie_chart", "area_chart", "table", "metric_card", "text", "image")
WITHOUT_SOURCE = frozenset({"text", "image"})


class Scope(StrEnum):
    """Which dashboards a list holds; ALL is every one that the actor may view."""

    ALL = "all"
    MINE = "mine"
    SHARED = "shared"
    PUBLIC = "public"


class Permission(StrEnum):
    """What somebody may do with one dashboard, from most to least. MANAGE is an administrator's right over all."""

    OWNER = "owner"
    MANAGE = "manage"
    EDIT = "edit"
    VIEW = "view"

    @property
    def may_edit(self) -> bool:
        """Whether it lets change the dashboard's content."""
        return self is not Permission.VIEW

    @property
    def may_administer(self) -> bool:
        """Whether it lets share, publish, rename for others, and delete."""
        return self in (Permission.OWNER, Permission.MANAGE)


def permission_of(actor: Actor, owner_id: UUID, *, is_public: bool, share: str | None) -> Permission | None:
    """What `actor` may do with a dashboard of `owner_id`; None means that for them it does not exist.

    `share` is the permission of the share that names the actor ("view" or "edit"), if any. Without `dashboard:view`
    nothing is visible, and without `dashboard:create` (the right to author at all) a share to edit is one to view.
    """
    if actor.can(MANAGE):
        return Permission.OWNER if actor.user_id == owner_id else Permission.MANAGE
    if actor.user_id is None or not actor.can(VIEW):
        return None
    authors = actor.can(CREATE)
    if actor.user_id == owner_id:
        return Permission.OWNER if authors else Permission.VIEW
    if share == "edit" and authors:
        return Permission.EDIT
    if share is not None or is_public:
        return Permission.VIEW
    return None


# -- refresh -----------------------------------------------------------------------------------------------------------

_DURATION = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
REFRESH_EXPECTED = "a time from 5s to 1d such as 30s, 5m or 1h"


def parse_refresh(text: str) -> int:
    """Seconds between refreshes from `30s`, `5m`, `1h`; ValueError says what was expected."""
    found = _DURATION.fullmatch(text.strip())
    seconds = int(found[1]) * _UNIT_SECONDS[found[2]] if found else 0
    if not MIN_REFRESH <= seconds <= MAX_REFRESH:
        raise ValueError(REFRESH_EXPECTED)
    return seconds


def format_refresh(seconds: int) -> str:
    """`seconds` in the largest unit that holds them whole: 90 is `90s`, 300 is `5m`."""
    for unit in ("d", "h", "m"):
        if seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


# -- grid --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A widget's place on the 12-column grid. Ordered as people read: by row, then by column."""

    y: int
    x: int
    w: int
    h: int

    def overlaps(self, other: Position) -> bool:
        """Whether the two share a cell of the grid."""
        return (
            self.x < other.x + other.w
            and other.x < self.x + self.w
            and self.y < other.y + other.h
            and other.y < self.y + self.h
        )


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of terminal cells: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


def grid_problems(positions: Sequence[Position]) -> list[tuple[int, str]]:
    """What is wrong with a grid: (index of the widget, what was found and what was expected), in order."""
    problems = []
    for index, place in enumerate(positions):
        if place.x + place.w > GRID_COLUMNS:
            problems.append(
                (
                    index,
                    f"found x {place.x} + w {place.w} = {place.x + place.w}, expected at most {GRID_COLUMNS} columns",
                )
            )
        for earlier in range(index):
            if place.overlaps(positions[earlier]):
                problems.append((index, f"found a place that widgets[{earlier}] takes as well, expected a free one"))
                break
    return problems


def grid_rows(positions: Sequence[Position]) -> int:
    """How many rows of the grid the widgets reach down."""
    return max((place.y + place.h for place in positions), default=0)


def box_of(position: Position, width: int, row_height: int) -> Box:
    """Where a widget is drawn on a dashboard `width` cells wide whose grid rows are `row_height` lines high.

    Neighbours share their edge exactly, so every cell of the width belongs to one column of the grid.
    """
    left = position.x * width // GRID_COLUMNS
    right = (position.x + position.w) * width // GRID_COLUMNS
    return Box(left, position.y * row_height, right - left, position.h * row_height)
