"""Reading a CSV file of people: what stands in which line, and what is wrong with the file itself. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datapulse_tui.errors import Invalid
from datapulse_tui.people.csv_cells import COLUMNS, original

LARGEST_FILE = 10_000_000  # bytes
MOST_ROWS = 20_000
_SHOWN = 60  # characters of a cell that are quoted in a message


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell, and what was expected there. `line` counts from 1, the header among them; `column`
    is empty where it is the whole line."""

    line: int
    column: str
    message: str
    expected: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", {self.column}" if self.column else "")
        return f"{where}: {self.message}" + (f"; expected {self.expected}" if self.expected else "")


@dataclass(frozen=True, slots=True)
class Line:
    """A person in the file: the cells by column, of those columns that the file has."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class File:
    """What a file holds: its columns in their order, its people, and the lines that could not be read."""

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]


def read(content: bytes) -> File:
    """The people in a CSV file in UTF-8 (with or without a byte order mark), separated by commas or semicolons.

    Raises Invalid where it cannot be read as one at all: too large, not UTF-8, without a header, with a column that is
    unknown or there twice, or with too many rows.
    """
    if len(content) > LARGEST_FILE:
        raise Invalid(
            f"The file has {len(content):,} bytes, and at most {LARGEST_FILE:,} are read. Nothing was changed.",
            hint="Split it.",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid(f"Line {line} of the file is not UTF-8. Nothing was changed.", hint="Save it as UTF-8.") from None
    header = text.split("\n", 1)[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, problems = _rows(reader)
    if not rows:
        raise Invalid(
            "The file is empty. Nothing was changed.", hint=f"Its first line names the columns: {', '.join(COLUMNS)}."
        )
    columns = _header(rows[0][1])
    lines = []
    for number, cells in rows[1:]:
        if len(cells) == len(columns):
            lines.append(Line(number, dict(zip(columns, map(original, cells), strict=True))))
        else:
            expected = f"{len(columns)}, as in the header"
            problems.append(Problem(number, "", f"the line has {len(cells)} cells", expected))
    return File(columns, tuple(lines), tuple(problems))


def _rows(reader: object) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    """Every line that is not blank, with the number of the physical line on which it begins."""
    rows: list[tuple[int, list[str]]] = []
    problems: list[Problem] = []
    number = 1
    source = iter(reader)  # type: ignore[call-overload]
    while True:
        try:
            cells = next(source)
        except StopIteration:
            return rows, problems
        except csv.Error as error:
            # Where a quote is not closed, or closed too early, nobody knows where the next line begins.
            problems.append(Problem(number, "", f"the line cannot be read ({error})", "quotes in pairs"))
            return rows, problems
        if any(cell.strip() for cell in cells):
            rows.append((number, cells))
        if len(rows) > MOST_ROWS + 1:
            raise Invalid(
                f"The file has more than {MOST_ROWS:,} people. Nothing was changed.", hint="Split it into several."
            )
        number = reader.line_num + 1  # type: ignore[attr-defined]


def _header(cells: Sequence[str]) -> tuple[str, ...]:
    names = tuple(cell.strip().lower() for cell in cells)
    known = f"The columns are {', '.join(COLUMNS)}, in any order."
    for name, cell in zip(names, cells, strict=True):
        if name not in COLUMNS:
            raise Invalid(f"There is no column {cell.strip()[:_SHOWN]!r}. Nothing was changed.", hint=known)
        if names.count(name) > 1:
            raise Invalid(f"The column {name} is there twice. Nothing was changed.", hint=known)
    if "email" not in names:
        raise Invalid("The file has no column email, by which people are known. Nothing was changed.", hint=known)
    return names
