"""Whatever comes in, a picture of exactly the asked size comes out."""

from __future__ import annotations

import unicodedata
from itertools import chain
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from datapulse_tui.charts.cells import LEFT_TO_RIGHT_MARK, cell_width, clean, crop, fit, wrap
from datapulse_tui.charts.draw import draw
from datapulse_tui.charts.picture import Picture
from datapulse_tui.charts.theme import ChartTheme

from .strategies import NOW, TEXTS, THEME, ZONE, widgets

WIDTHS = st.one_of(st.integers(0, 30), st.integers(0, 200))
HEIGHTS = st.one_of(st.integers(0, 12), st.integers(0, 60))
FORBIDDEN = ("Cc", "Cs", "Cn", "Zl", "Zp", "Cf")


def assert_exact(picture: Picture, width: int, height: int) -> None:
    """Every promise about form: size in cells by an independent measure, and no control characters."""
    assert (picture.width, picture.height) == (width, height)
    assert len(picture.lines) == height
    for line in picture.lines:
        text = "".join(span.text for span in line)
        assert cell_len(text) == width, repr(text)
        for character in set(text) - {LEFT_TO_RIGHT_MARK}:
            assert unicodedata.category(character) not in FORBIDDEN, repr(character)
    for told in (picture.note, picture.problem):
        assert "\x1b" not in told
        assert "\n" not in told


def check(
    widget: tuple[str, object, dict[str, object]], width: int, height: int, theme: ChartTheme, zone: ZoneInfo
) -> None:
    kind, data, options = widget
    picture = draw(data, kind, options, width=width, height=height, theme=theme, zone=zone, now=NOW)  # type: ignore[arg-type]
    assert_exact(picture, width, height)
    assert picture.to_text().count("\n") == max(0, height - 1)
    if theme.colour == "none":
        assert all(span.style.fg is None and span.style.bg is None for line in picture.lines for span in line)


@settings(suppress_health_check=list(HealthCheck))
@given(widgets(), WIDTHS, HEIGHTS, THEME, ZONE)
def test_anything_gives_an_exact_picture(widget, width, height, theme, zone):  # type: ignore[no-untyped-def]
    check(widget, width, height, theme, zone)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(widgets(), WIDTHS, HEIGHTS, THEME, ZONE)
def test_anything_gives_an_exact_picture_for_long(widget, width, height, theme, zone):  # type: ignore[no-untyped-def]
    check(widget, width, height, theme, zone)


@given(TEXTS, st.integers(0, 20))
def test_text_is_measured_as_terminals_measure_it(text: str, width: int) -> None:
    safe = clean(text)
    assert clean(safe) == safe
    assert cell_width(safe) == cell_len(safe)
    assert cell_len(crop(safe, width)) <= width
    assert cell_len(fit(safe, width, "right")) == width
    assert all(cell_len(line) <= width for line in wrap(safe, width))


def test_every_character_has_one_width() -> None:
    """What stays after cleaning is as wide as rich (and so the desk) measures it.

    Every character of the first two planes; the ideographs, private and empty planes behind them by samples.
    """
    for code in chain(range(0x20000), range(0x20000, 0xE0000, 101), range(0xE0000, 0xE0200)):
        safe = clean(chr(code))
        assert cell_width(safe) == cell_len(safe), hex(code)
