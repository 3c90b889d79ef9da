"""What the thin line leaves out is exactly what the terminal shows already."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.strip import Strip

from datapulse_tui.tui.thin_line import Frame

WIDTH, HEIGHT = 20, 4
SIZE = Size(WIDTH, HEIGHT)
STYLES = (
    None,
    Style(),
    Style(color="#ff0000"),
    Style(color="#ff0000", bgcolor="#000020"),
    Style(color="#00ff00", bgcolor="#000020", bold=True),
    Style(bgcolor="#202020"),
    Style(reverse=True),
    Style(underline=True, color="#00ff00"),
)
pieces = st.tuples(st.sampled_from(["a", "bc", " ", "   ", "x y", "売", "上 z", "é", "─┈"]), st.sampled_from(STYLES))
rows = st.lists(pieces, max_size=12)
frames = st.lists(rows, min_size=HEIGHT, max_size=HEIGHT)


def strip_of(row: list[tuple[str, Style | None]]) -> Strip:
    return Strip([Segment(text, style) for text, style in row]).adjust_cell_length(WIDTH)


def shown(terminal: pyte.Screen) -> list[list[tuple[str, str, str, bool, bool, bool]]]:
    """Cells as a person sees them: the foreground of a blank does not matter, nor that it is bold."""
    found = []
    for y in range(HEIGHT):
        line = []
        for x in range(WIDTH):
            cell = terminal.buffer[y][x]
            seen = cell.data != " " or cell.reverse or cell.underscore
            fore = (cell.fg, cell.bold) if seen else ("", False)
            line.append((cell.data, fore[0], cell.bg, fore[1], cell.reverse, cell.underscore))
        found.append(line)
    return found


def draw(text: str, terminal: pyte.Screen) -> None:
    pyte.Stream(terminal).feed(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(frames, min_size=1, max_size=4))
def test_after_every_update_the_terminal_shows_the_whole_frame(sequence):
    frame, terminal = Frame(), pyte.Screen(WIDTH, HEIGHT)
    for rows in sequence:
        strips = [strip_of(row) for row in rows]
        draw(
            frame.update(LayoutUpdate([[strip] for strip in strips], SIZE.region), SIZE, ColorSystem.TRUECOLOR),
            terminal,
        )
        whole = pyte.Screen(WIDTH, HEIGHT)
        draw(Frame().update(LayoutUpdate([[s] for s in strips], SIZE.region), SIZE, ColorSystem.TRUECOLOR), whole)
        assert shown(terminal) == shown(whole)
        assert [line.rstrip() for line in terminal.display] == [strip.text.rstrip() for strip in strips]


def test_the_same_frame_again_sends_nothing():
    frame = Frame()
    update = LayoutUpdate([[strip_of([("hello", STYLES[2])])]] * HEIGHT, SIZE.region)
    assert frame.update(update, SIZE, ColorSystem.TRUECOLOR)
    assert frame.update(update, SIZE, ColorSystem.TRUECOLOR) == ""


def test_a_partial_update_stays_within_its_span():
    frame, terminal = Frame(), pyte.Screen(WIDTH, HEIGHT)
    blank = strip_of([])
    draw(frame.update(LayoutUpdate([[blank]] * HEIGHT, SIZE.region), SIZE, ColorSystem.TRUECOLOR), terminal)
    chops = [{0: strip_of([("x" * 10, None), ("y" * 10, None)])}] * HEIGHT
    update = ChopsUpdate(chops, [(1, 8, 12)], [[WIDTH]] * HEIGHT)
    draw(frame.update(update, SIZE, ColorSystem.TRUECOLOR), terminal)
    assert terminal.display[1] == " " * 8 + "xxyy" + " " * 8
    assert terminal.display[0].strip() == ""


def test_one_changed_letter_costs_a_few_bytes():
    frame = Frame()
    before = LayoutUpdate([[strip_of([("12:04", STYLES[3])])]] * HEIGHT, Region(0, 0, WIDTH, HEIGHT))
    after = LayoutUpdate([[strip_of([("12:05", STYLES[3])])]] + [[strip_of([("12:04", STYLES[3])])]] * 3, SIZE.region)
    frame.update(before, SIZE, ColorSystem.TRUECOLOR)
    assert len(frame.update(after, SIZE, ColorSystem.TRUECOLOR)) < 50


def test_another_size_and_forgetting_send_everything():
    frame = Frame()
    update = LayoutUpdate([[strip_of([("hello", None)])]] * HEIGHT, SIZE.region)
    whole = frame.update(update, SIZE, ColorSystem.TRUECOLOR)
    frame.forget()
    assert frame.update(update, SIZE, ColorSystem.TRUECOLOR) == whole
