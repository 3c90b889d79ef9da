"""Cards tile their dashboard at every size."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Size

from datapulse_tui.dashboards.rules import Position, grid_problems
from datapulse_tui.tui.widgets.grid import NARROW_CARD, CardGrid, reflow, regions

LAYOUT = [Position(0, 0, 3, 2), Position(0, 3, 3, 2), Position(0, 6, 6, 2), Position(2, 0, 8, 4), Position(2, 8, 4, 4)]


@given(st.integers(20, 250), st.integers(5, 80))
def test_cards_never_overlap_nor_leave_the_width(width, height):
    boxes = regions(LAYOUT, width, height)
    for index, box in enumerate(boxes):
        assert box.x >= 0
        assert box.right <= width
        assert box.width > 0
        assert box.height > 0
        assert not any(box.overlaps(other) for other in boxes[:index])


def test_a_dashboard_that_fits_fills_the_height():
    boxes = regions(LAYOUT, 120, 30)
    assert max(box.bottom for box in boxes) == 30
    assert boxes[0].width == 29  # a quarter, less the gap
    assert boxes[2].right == 120


def test_one_that_does_not_fit_keeps_readable_cards_and_scrolls():
    boxes = regions(LAYOUT, 120, 8)
    assert max(box.bottom for box in boxes) > 8


@given(st.integers(18, 120))
def test_narrow_dashboards_put_fewer_cards_side_by_side(width):
    places = reflow(LAYOUT, width)
    assert not grid_problems(places)
    assert all(place.w == 12 or place.w * width // 12 >= NARROW_CARD for place in places)


def test_wide_ones_stay_as_they_are():
    assert reflow(LAYOUT, 120) == LAYOUT


def test_what_was_slow_starts_first_and_what_is_out_of_view_does_not_start(monkeypatch):
    started: list[str] = []

    class Placed:
        def __init__(self, name):
            self.shown = SimpleNamespace(id=name)

        def load(self, width):
            assert width > 0
            started.append(self.shown.id)

    grid = CardGrid()
    grid._places = [Position(0, 0, 6, 4), Position(0, 6, 6, 4), Position(40, 0, 12, 4)]
    monkeypatch.setattr(CardGrid, "cards", [Placed("quick"), Placed("slow"), Placed("below")])
    grid.load_ahead(Size(120, 30), lambda name: {"slow": 2.0, "below": 9.0}.get(name, 0.0))  # nothing is laid out yet
    assert started == ["slow", "quick"]
