"""Stacked pieces fill their cells: nothing of the background shows between two of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.charts.blocks import EIGHTHS, put_column
from datapulse_tui.charts.picture import Grid
from datapulse_tui.charts.theme import DARK

LAYERS = st.lists(st.integers(1, 20), min_size=1, max_size=6)


def column(heights: list[int]) -> list[tuple[str, str | None, str | None]]:
    """Character, colour and background of each cell of a stack of layers, from its foot."""
    pieces, end = [], 0
    for index, height in enumerate(heights):
        end += height
        pieces.append((end, index))
    grid = Grid(1, 20)
    put_column(grid, 0, 19, pieces, DARK, lambda index, step: f"#00000{index}")
    found = [line[0] for line in reversed(grid.picture().lines)]
    return [(span.text, span.style.fg, span.style.bg) for span in found]


def test_a_thin_layer_does_not_cut_the_stack() -> None:
    assert column([3, 1, 16])[0] == ("▃", "#000000", "#000002")


@given(LAYERS)
def test_every_cell_below_the_top_one_is_filled(heights: list[int]) -> None:
    cells = column(heights)
    for step in range(sum(heights) // EIGHTHS):
        character, _, background = cells[step]
        assert character == "█" or background is not None, (heights, step)
