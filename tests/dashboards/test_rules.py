"""Who may do what, refresh, and the grid."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.audit.actor import Actor
from datapulse_tui.dashboards import rules
from datapulse_tui.dashboards.rules import Box, Permission, Position
from datapulse_tui.people.rules import PERMISSIONS, ROLE_PERMISSIONS, Role

ME, OTHER = uuid4(), uuid4()


def actor(role: str) -> Actor:
    if role == "operator":
        return Actor(None, "operator:x@y", everything=True)
    return Actor(ME, role, ROLE_PERMISSIONS[Role(role)] if role != "nobody" else frozenset(), role=role)


@pytest.mark.parametrize(
    ("role", "owner", "public", "share", "expected"),
    [
        ("analyst", ME, False, None, Permission.OWNER),
        ("business_user", ME, False, None, Permission.VIEW),  # one who authored once and no longer may
        ("business_user", OTHER, False, None, None),
        ("business_user", OTHER, True, None, Permission.VIEW),
        ("business_user", OTHER, False, "view", Permission.VIEW),
        ("business_user", OTHER, False, "edit", Permission.VIEW),
        ("analyst", OTHER, False, "edit", Permission.EDIT),
        ("analyst", OTHER, True, "edit", Permission.EDIT),
        ("analyst", OTHER, False, "view", Permission.VIEW),
        ("analyst", OTHER, False, None, None),
        ("ops_manager", OTHER, False, None, None),
        ("admin", OTHER, False, None, Permission.MANAGE),
        ("admin", ME, False, None, Permission.OWNER),
        ("operator", OTHER, False, None, Permission.MANAGE),
        ("nobody", ME, True, "edit", None),
    ],
)
def test_permission(role: str, owner: object, public: bool, share: str | None, expected: Permission | None) -> None:
    assert rules.permission_of(actor(role), owner, is_public=public, share=share) == expected  # type: ignore[arg-type]


def test_what_a_permission_allows() -> None:
    assert [each for each in Permission if each.may_edit] == [Permission.OWNER, Permission.MANAGE, Permission.EDIT]
    assert [each for each in Permission if each.may_administer] == [Permission.OWNER, Permission.MANAGE]


def test_every_permission_word_is_one_of_the_table() -> None:
    assert {rules.VIEW, rules.CREATE, rules.SHARE, rules.PUBLISH, rules.MANAGE} <= set(PERMISSIONS)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("30s", 30), ("90s", 90), ("5m", 300), ("1h", 3_600), ("1d", 86_400), (" 10s ", 10)],
)
def test_refresh(text: str, seconds: int) -> None:
    assert rules.parse_refresh(text) == seconds


@pytest.mark.parametrize("text", ["4s", "0s", "", "30", "-5s", "2d", "1.5m", "5 s", "9999999999s", "5S", "∞s", "٥s"])
def test_refresh_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 5s to 1d"):
        rules.parse_refresh(text)


@given(st.integers(rules.MIN_REFRESH, rules.MAX_REFRESH))
def test_refresh_round_trip(seconds: int) -> None:
    assert rules.parse_refresh(rules.format_refresh(seconds)) == seconds


def test_grid_problems_are_told() -> None:
    places = [Position(0, 0, 6, 4), Position(3, 5, 6, 4), Position(8, 8, 6, 1), Position(4, 0, 5, 1)]
    assert rules.grid_problems(places) == [
        (1, "found a place that widgets[0] takes as well, expected a free one"),
        (2, "found x 8 + w 6 = 14, expected at most 12 columns"),
    ]


positions = st.builds(Position, st.integers(0, 8), st.integers(0, 11), st.integers(1, 12), st.integers(1, 4))


@given(st.lists(positions, max_size=6))
def test_a_grid_without_problems_has_each_cell_once(places: list[Position]) -> None:
    cells = [
        (x, y) for place in places for x in range(place.x, place.x + place.w) for y in range(place.y, place.y + place.h)
    ]
    good = len(set(cells)) == len(cells) and all(x < rules.GRID_COLUMNS for x, _ in cells)
    assert (rules.grid_problems(places) == []) == good


@given(st.integers(12, 400), st.integers(0, 10), st.data())
def test_neighbours_share_their_edge(width: int, cut: int, data: st.DataObject) -> None:
    left, right = Position(0, 0, cut + 1, 1), Position(0, cut + 1, 11 - cut, 1)
    first, second = rules.box_of(left, width, 3), rules.box_of(right, width, 3)
    assert first == Box(0, 0, second.x, 3)
    assert second.x + second.width == width
