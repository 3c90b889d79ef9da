"""How people stand in a CSV file: its columns, and cells that no spreadsheet takes for a formula. Pure.

Whatever is written here is read back as the same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

COLUMNS = ("email", "name", "role", "department", "status", "phone", "timezone", "custom_roles")
BETWEEN = "|"  # custom roles in one cell; a backslash takes the next character as it is

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_KEPT = re.compile(r"'+[=+\-@\t\r]")


def neutral(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: with an apostrophe in front where it would be one."""
    return f"'{text}" if _FORMULA.match(text) else text


def original(cell: str) -> str:
    """What `neutral` made the cell of."""
    return cell[1:] if _KEPT.match(cell) else cell


def join_names(names: Iterable[str]) -> str:
    """Several names in one cell."""
    return BETWEEN.join(name.replace("\\", "\\\\").replace(BETWEEN, f"\\{BETWEEN}") for name in names)


def split_names(cell: str) -> list[str]:
    """The names in a cell, without blanks around them; an empty cell holds none."""
    names = [""]
    escaped = False
    for c in cell:
        if escaped or c not in ("\\", BETWEEN):
            names[-1] += c
            escaped = False
        elif c == "\\":
            escaped = True
        else:
            names.append("")
    return [name.strip() for name in names if name.strip()]


def line_of(cells: Sequence[str]) -> str:
    """Cells as a line of CSV (RFC 4180), with its end."""
    return ",".join(_quoted(neutral(cell)) for cell in cells) + "\r\n"


def _quoted(cell: str) -> str:
    special = any(c in cell for c in ',;"\r\n') or cell != cell.strip()
    return '"' + cell.replace('"', '""') + '"' if special else cell
