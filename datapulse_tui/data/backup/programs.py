"""PostgreSQL's own pg_dump, pg_restore and psql: where they are, and how they are told where the database is.

The wheel of the embedded server brings those of PostgreSQL 18, which know every older server. For a newer server, or
where the wheel is missing, those on PATH are taken. A password reaches them in their environment only, which nobody
but the same user can read; a command line can be read by everybody on the machine.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from datapulse_tui.config_files import ENVIRONMENT_PREFIX
from datapulse_tui.data.address import libpq_arguments
from datapulse_tui.errors import Unavailable

NAMES = ("pg_dump", "pg_restore", "psql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_ASKING = 10.0  # seconds that a program may take to say its version


@dataclass(frozen=True, slots=True)
class Programs:
    """The three programs of one PostgreSQL, and its major version."""

    dump: Path
    restore: Path
    psql: Path
    major: int


@functools.cache
def available() -> tuple[Programs, ...]:
    """Those of the wheel and those on PATH, the newest first; only whole sets."""
    found = [each for each in (_in_wheel(), _on_path()) if each is not None]
    return tuple(sorted(found, key=lambda each: -each.major))


def for_server(major: int) -> Programs:
    """Programs that can dump a server of version `major`. Raises Unavailable, saying what to install."""
    for programs in reversed(available()):
        if programs.major >= major:
            return programs
    newest = f"the newest here are those of PostgreSQL {available()[0].major}" if available() else "there are none here"
    raise Unavailable(
        f"A server of version {major} needs pg_dump, pg_restore and psql of at least that version, and {newest}. "
        "Nothing was changed.",
        hint=f"Install the client programs of PostgreSQL {major} (on Debian: postgresql-client-{major}) and see that "
        "they are on PATH.",
    )


def environment(url: str, application_name: str) -> dict[str, str]:
    """This process's environment with the address of `url` in libpq's variables. It holds the password."""
    from psycopg import pq

    named = libpq_arguments(url, application_name)
    told = {
        option.envvar.decode(): named[option.keyword.decode()]
        for option in pq.Conninfo.get_defaults()
        if option.envvar and option.keyword.decode() in named
    }
    # LC_ALL: what they say is read. PGOPTIONS and the like of the person's own could change what a dump holds.
    left_out = ("PGOPTIONS", "PGDATABASE", "PGSERVICE", ENVIRONMENT_PREFIX)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return kept | told | {"LC_ALL": "C", "PGCLIENTENCODING": "UTF8"}


def last_word(said: bytes) -> str:
    """What a program complained of: its last line that names an error, else its last line."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|ERROR|FATAL|fatal|could not", line)]
    found = (telling or lines or ["it said nothing"])[-1]
    return re.sub(r"^\S*(pg_dump|pg_restore|psql)\S*: (error: )?", "", found).rstrip(".")


def _in_wheel() -> Programs | None:
    from datapulse_tui.data.embedded import binaries

    try:
        return _set(binaries.wheel())
    except Unavailable:
        return None


def _on_path() -> Programs | None:
    dump = shutil.which("pg_dump")
    return _set(Path(dump).parent) if dump else None


def _set(folder: Path) -> Programs | None:
    paths = [folder / name for name in NAMES]
    if not all(os.access(path, os.X_OK) for path in paths):
        return None
    try:
        said = subprocess.run(  # noqa: S603 - a program of PostgreSQL's, without anybody's words
            [paths[0], "--version"], capture_output=True, text=True, check=False, timeout=_ASKING
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(said.stdout)
    return Programs(paths[0], paths[1], paths[2], int(version[1])) if version else None
