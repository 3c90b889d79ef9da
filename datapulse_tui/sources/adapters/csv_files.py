"""Which files a csv source may read: those in its folder, and that inside a folder which an administrator allows."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datapulse_tui.errors import Invalid, Unavailable

SUFFIX = ".csv"
FILE_SUFFIXES = (SUFFIX, ".tsv", ".txt")
MOST_FILES = 1_000


@dataclass(frozen=True, slots=True)
class CsvFile:
    """One file that is a table. `path` has no symbolic link left in it; `stamp` changes when the content does."""

    table: str
    path: Path
    size: int
    stamp: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a source by table name, and what was left out, in words."""

    files: tuple[CsvFile, ...]
    left_out: tuple[str, ...] = ()


def shown(text: str) -> str:
    """A file's name as it can be put into a message: control characters and broken encodings made visible."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)


def require_allowed(path: str, allowed: Sequence[Path]) -> Path:
    """`path` without symbolic links, if it lies inside one of the `allowed` folders.

    Raises Invalid when it does not, Unavailable when it is not there.
    """
    try:
        real = Path(path).expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it leads in a circle"
        raise Unavailable(
            f"The file or folder {shown(path)} cannot be opened: {reason}. Nothing was read.",
            hint="Check the path and its permissions, and that a mounted disk is there.",
        ) from None
    folders = [folder.expanduser().resolve() for folder in allowed]
    if not any(real == folder or folder in real.parents for folder in folders):
        listed = ", ".join(str(folder) for folder in allowed) or "none"
        raise Invalid(
            f"{shown(path)} is not inside a folder that csv sources may read (allowed: {listed}). Nothing was read.",
            hint="An administrator allows a folder with DATAPULSE_ALLOWED_CSV_FOLDERS, or allowed_csv_folders in the "
            "configuration file.",
        )
    return real


def list_files(path: str, allowed: Sequence[Path]) -> Listing:
    """The tables of a csv source: the one file, or each *.csv of the folder (not of the folders in it).

    What must not or cannot be read (links out of the folder, two files for one table, names that are not text) is left
    out of a folder, and said. Raises Invalid, Unavailable.
    """
    root = require_allowed(path, allowed)
    if not root.is_dir():
        return Listing((_one_file(root),))
    found: dict[str, CsvFile] = {}
    left_out: list[str] = []
    try:
        names = sorted(entry.name for entry in os.scandir(root))
    except OSError as error:
        raise _unreadable(root, error) from None
    for name in names:
        if name.startswith(".") or not name.lower().endswith(SUFFIX):
            continue
        reason = _entry(root, name, found)
        if reason:
            left_out.append(f"{shown(name)} is left out: {reason}.")
    return Listing(tuple(found.values()), tuple(left_out))


def _one_file(path: Path) -> CsvFile:
    if path.suffix.lower() not in FILE_SUFFIXES:
        raise Invalid(
            f"{shown(path.name)} is not a CSV file by its name. Nothing was read.",
            hint=f"Its name must end in one of {', '.join(FILE_SUFFIXES)}.",
        )
    file = _stat(path.stem, path)
    if isinstance(file, str):
        raise Unavailable(f"The file {shown(str(path))} cannot be read: {file}.", hint="Check its permissions.")
    return file


def _entry(root: Path, name: str, found: dict[str, CsvFile]) -> str | None:
    """Add the file `name` to `found`, or say why not."""
    table = name[: -len(SUFFIX)]
    if shown(table) != table:
        return "its name has characters that cannot be shown"
    if table.lower() in found:
        return f"the table {table} is already that of another file"
    if len(found) >= MOST_FILES:
        return f"there are more than {MOST_FILES:,} files"
    try:
        real = (root / name).resolve(strict=True)
    except (OSError, RuntimeError):
        return "it is a link that leads nowhere"
    if root not in real.parents:
        return "it is a link to a place outside the folder"
    file = _stat(table, real)
    if isinstance(file, str):
        return file
    found[table.lower()] = file
    return None


def _stat(table: str, path: Path) -> CsvFile | str:
    try:
        status = path.stat()
    except OSError as error:
        return error.strerror or "it cannot be read"
    if not stat.S_ISREG(status.st_mode):
        return "it is not a plain file"
    if not os.access(path, os.R_OK):
        return "permission denied"
    stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return CsvFile(table, path, status.st_size, stamp)


def _unreadable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"The folder {shown(str(path))} cannot be read: {error.strerror}. Nothing was read.",
        hint="Check its permissions.",
    )
