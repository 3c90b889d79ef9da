"""Writing a backup: pg_dump's custom format, from one moment of the database, while everybody goes on working."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from datapulse_tui.data.address import shown
from datapulse_tui.data.backup.programs import Programs, environment, for_server, last_word
from datapulse_tui.data.backup.target import connected, look, require_owner
from datapulse_tui.errors import Conflict, Invalid, Unavailable

NAME = "datapulse backup"
CHUNK = 1 << 20
_TABLE = re.compile(rb'dumping contents of table "([^"]+)"')
_TABLES = """
SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: tables begun of all (0: not known), bytes so far, the table at work."""

    tables: int
    of: int
    bytes: int
    table: str = ""


Watcher = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made. `revision` is the schema's."""

    path: Path
    bytes: int
    tables: int
    revision: str
    seconds: float


def backup(url: str, path: Path, *, watch: Watcher | None = None) -> Made:
    """Write the database at the owner's `url` into the new file `path`, readable by its owner alone. Blocking.

    The file is there whole or not at all. Raises Conflict when it is there already, Invalid for what cannot be backed
    up or written, Unavailable.
    """
    began = time.monotonic()
    if path.exists() or path.is_symlink():
        raise Conflict(f"{path} is there already. Nothing was written.", hint="Give another name, or move it away.")
    with connected(url, NAME) as connection:
        target = look(connection)
        require_owner(target, url)
        if target.revision is None:
            raise Invalid(f"There is no DataPulse in {shown(url)}. Nothing was written.", hint="See: datapulse db url")
        counted = connection.execute(_TABLES).fetchone()
    programs = for_server(target.major)
    tables = int(counted[0]) if counted else 0
    with _draft(path) as (draft, file):
        size = _dump(programs, url, file, tables, watch or (lambda _: None))
        file.flush()
        os.fsync(file.fileno())
        _publish(draft, path)
    return Made(path, size, tables, target.revision, time.monotonic() - began)


@contextlib.contextmanager
def _draft(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file of another name beside `path`, which is gone afterwards unless it got its name."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise Invalid(
            f"{path} cannot be written: {error.strerror}. Nothing was written.", hint="Choose another folder."
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield draft, file
    except OSError as error:
        raise Unavailable(
            f"The backup could not be written to {path}: {error.strerror or error}. What was there of it is removed.",
            hint="See that the disk has room, and try again.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Give the finished file its name, never in place of another one."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise Conflict(
            f"{path} was made by somebody else meanwhile, and stays. This backup was thrown away.",
            hint="Give another name.",
        ) from None
    except OSError:  # a file system without hard links
        if path.exists():
            raise
        draft.rename(path)
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _dump(programs: Programs, url: str, file: IO[bytes], tables: int, watch: Watcher) -> int:
    """Run pg_dump into `file`, through a pipe: it ends with us, however we end. Returns the bytes."""
    options = ["--format=custom", "--schema=public", "--no-password", "--verbose", "--lock-wait-timeout=30s"]
    process = subprocess.Popen(  # noqa: S603 - a program of PostgreSQL's; the address is in its environment
        [programs.dump, *options],
        env=environment(url, NAME),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    told = Told(process.stderr, _TABLE)
    size = 0
    try:
        while chunk := process.stdout.read1(CHUNK):  # type: ignore[attr-defined]  # a BufferedReader
            file.write(chunk)
            size += len(chunk)
            watch(Progress(told.tables, tables, size, told.table))
    except BaseException:
        process.kill()
        raise
    finally:
        process.stdout.close()
        code = process.wait()
        told.join()
    if code != 0:
        raise Unavailable(
            f"pg_dump gave up: {last_word(told.said)}. No backup was written.",
            hint="See that the server runs and that DATAPULSE_OWNER_URL names the owner's role.",
        )
    watch(Progress(tables, tables, size))
    return size


class Told(threading.Thread):
    """Reads what a program says beside its output: the tables that it comes to, and its complaints."""

    MOST = 200_000  # bytes that are kept for a message

    def __init__(self, stream: IO[bytes], table: re.Pattern[bytes]) -> None:
        super().__init__(name="told", daemon=True)
        self._stream = stream
        self._pattern = table
        self.tables = 0
        self.table = ""
        self.said = b""
        self.start()

    def run(self) -> None:
        with self._stream:
            for line in self._stream:
                found = self._pattern.search(line)
                if found:
                    self.tables += 1
                    self.table = found[1].decode(errors="replace").removeprefix("public.")
                else:
                    self.said = (self.said + line)[-self.MOST :]
