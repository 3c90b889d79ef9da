"""table: the rows themselves, aligned by kind, as many columns and rows as find room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from datapulse_tui.charts.box import Box
from datapulse_tui.charts.cells import ELLIPSIS, Align, cell_width, clean
from datapulse_tui.charts.numbers import MISSING, column_decimals, format_exact, to_float
from datapulse_tui.charts.options import TableColumn, TableOptions
from datapulse_tui.charts.picture import Picture, Style
from datapulse_tui.charts.problem import CannotDraw
from datapulse_tui.charts.theme import SEVERITY_MARKS
from datapulse_tui.charts.values import column_index, heading, instant, text_of, write_time
from datapulse_tui.data.result import ColumnKind, Result

_LEAST_WIDTH = 4
_GAP = 2
_LEAST_TEXT = 8
_WIDEST_TEXT = 60


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    style: Style


@dataclass(frozen=True, slots=True)
class _Column:
    """One column ready to be drawn: its heading, the cells of the rows that find room, and how it stands."""

    heading: str
    cells: list[_Cell]
    align: Align
    wanted: int
    least: int


def draw_table(result: Result, options: TableOptions, box: Box) -> Picture:
    """The picture of a table; CannotDraw says why there is none."""
    if not result.columns:
        raise CannotDraw("The query returned no columns.")
    chosen = [(column_index(result, each.name, "columns"), each) for each in options.columns]
    if not chosen:
        # Names of a result may be empty or no valid text at all; the columns are known by their position here.
        chosen = [(at, TableColumn(name="*")) for at in range(len(result.columns))]
    by = column_index(result, options.sort, "sort") if options.sort else None
    if not result.rows:
        raise CannotDraw("No rows. The query returned nothing for this time range and these variables.")
    box.require(_LEAST_WIDTH, 1)
    rows = _sorted(result.rows, by, box, descending=options.descending)[: options.limit]
    head = min(2 if box.height >= 5 else 1, box.height - 1) if options.header else 0
    room = box.height - head
    shown = len(rows) if len(rows) <= room else max(1, room - 1)
    columns = [_column(result, at, each, rows[:shown], box) for at, each in chosen]
    widths, gap = _widths(columns, box.width)
    grid = box.grid()
    x = 0
    for column, width in zip(columns, widths, strict=False):
        if head:
            grid.put(x, 0, column.heading, box.theme.accent_style, width, column.align)
        if head == 2:
            grid.fill(x, 1, width + gap, "─", box.theme.grid_style)
        for row, cell in enumerate(column.cells):
            grid.put(x, head + row, cell.text, cell.style, width, column.align)
        x += width + gap
    notes = _notes(len(columns) - len(widths), len(columns), len(rows) - shown, len(rows))
    if shown < len(rows) and room > 1:
        cut = " of more" if result.truncated else ""
        grid.put(0, head + shown, f"{ELLIPSIS} {len(rows) - shown:,} more rows{cut}", box.theme.dim_style)
    return grid.picture(note="; ".join(notes))


def _notes(hidden_columns: int, columns: int, hidden_rows: int, rows: int) -> list[str]:
    notes = []
    if hidden_columns:
        notes.append(f"{columns - hidden_columns} of {columns} columns find room")
    if hidden_rows:
        notes.append(f"{rows - hidden_rows:,} of {rows:,} rows find room")
    return notes


def _sorted(
    rows: Sequence[tuple[object, ...]], by: int | None, box: Box, *, descending: bool
) -> Sequence[tuple[object, ...]]:
    """Rows by one column: numbers, then times, then texts; NULL always last."""
    if by is None:
        return rows
    at: int = by

    def key(row: tuple[object, ...]) -> tuple[int, float, str]:
        value = row[at]
        if isinstance(value, int | float | Decimal):
            number = to_float(value)
            return (0, number, "") if number == number else (3, 0.0, "")
        if isinstance(value, date):
            return (1, instant(value, box.zone), "")
        return (2, 0.0, text_of(value, box.zone).casefold())

    present = [row for row in rows if row[at] is not None]
    return sorted(present, key=key, reverse=descending) + [row for row in rows if row[at] is None]


def _column(result: Result, at: int, options: TableColumn, rows: Sequence[tuple[object, ...]], box: Box) -> _Column:
    column = result.columns[at]
    values = [row[at] for row in rows]
    figures = [value for value in values if isinstance(value, int | float | Decimal) and not isinstance(value, bool)]
    decimals = column_decimals(figures)
    cells = [_cell(value, options, decimals, box) for value in values]
    number = column.kind is ColumnKind.NUMBER
    whole = number or options.width is not None or column.kind in (ColumnKind.TIME, ColumnKind.DATE)
    align: Align = ("right" if number else "left") if options.align == "auto" else options.align
    title = heading(column) if options.label is None else clean(options.label)
    wanted = options.width or min(
        max([cell_width(title), *(cell_width(cell.text) for cell in cells)]), 400 if number else _WIDEST_TEXT
    )
    # A number or a time cut short reads as another one; texts give way first.
    least = wanted if whole else min(wanted, _LEAST_TEXT)
    return _Column(title, cells, align, max(1, wanted), max(1, least))


def _cell(value: object, options: TableColumn, decimals: int, box: Box) -> _Cell:
    theme = box.theme
    if value is None:
        return _Cell(MISSING, theme.dim_style)
    if isinstance(value, datetime) or (isinstance(value, date) and options.time == "relative"):
        return _Cell(_time(value, options, box), theme.plain_style)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return _Cell(text_of(value, box.zone), theme.plain_style)
    text = clean(format_exact(value, options.number_format, decimals))
    reached = [each for each in options.thresholds if to_float(value) >= each.value]
    if not reached:
        return _Cell(text, theme.plain_style)
    severity = max(reached, key=lambda each: each.value).severity
    return _Cell(f"{SEVERITY_MARKS[severity]} {text}", theme.severity_style(severity))


def _time(value: date, options: TableColumn, box: Box) -> str:
    if options.time == "relative":
        return relative(instant(value, box.zone) - box.now.timestamp())
    if not isinstance(value, datetime):
        return value.isoformat()
    text = write_time(value, box.zone, seconds=options.time == "second")
    return text[:10] if options.time == "date" else text


def relative(seconds: float) -> str:
    """A distance from now in one unit: `5 min ago`, `in 2 h`, `now`."""
    size = abs(seconds)
    if size < 1:
        return "now"
    name, length = next(
        ((name, length) for name, length in (("d", 86400), ("h", 3600), ("min", 60)) if size >= length), ("s", 1)
    )
    amount = f"{int(size // length):,} {name}"
    return f"in {amount}" if seconds > 0 else f"{amount} ago"


def _widths(columns: Sequence[_Column], width: int) -> tuple[list[int], int]:
    """Cells for each column that finds room, and the gap between them.

    All have what they want if they can; else the widest texts give way; else the last columns are left out.
    """
    for count in range(len(columns), 0, -1):
        for gap in (_GAP, 1):
            room = width - gap * (count - 1)
            if room >= sum(column.least for column in columns[:count]):
                return _give(columns[:count], room), gap
    return [min(columns[0].wanted, width)], _GAP


def _give(columns: Sequence[_Column], room: int) -> list[int]:
    widths = [column.wanted for column in columns]
    while sum(widths) > room:
        can = [at for at, column in enumerate(columns) if widths[at] > column.least]
        widest = max(can, key=lambda at: widths[at])
        next_widest = max((widths[at] for at in can if widths[at] < widths[widest]), default=columns[widest].least)
        over = sum(widths) - room
        widths[widest] = max(columns[widest].least, min(next_widest, widths[widest] - 1), widths[widest] - over)
    return widths
