"""Which process a worker is: the queue knows a worker by a number alone, so that the number's machine, process and
version stand in the name of a connection, which everybody who is connected can read.

The connection lives as long as the worker, so a name never outlives whom it names.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

from datapulse_tui import __version__
from datapulse_tui.data.address import libpq_arguments

NAME = "datapulse worker"
LONGEST = 63  # bytes that PostgreSQL keeps of a connection's name
_TAG = re.compile(rf"{NAME} #(?P<worker>\d+) (?P<pid>\d+)@(?P<host>\S*) (?P<version>\S+)")


class Tag(NamedTuple):
    """The process that a worker is."""

    worker: int
    pid: int
    host: str
    version: str


def written(worker: int, host: str | None = None) -> str:
    """The name of a worker's connection."""
    plain = re.sub(r"[^\x21-\x7e]", "-", socket.gethostname() if host is None else host)
    start, end = f"{NAME} #{worker} {os.getpid()}@", f" {__version__}"
    return f"{start}{plain[: LONGEST - len(start) - len(end)]}{end}"


def read(name: str) -> Tag | None:
    """What a connection's name says; None for one that is no worker's."""
    found = _TAG.fullmatch(name)
    return Tag(int(found["worker"]), int(found["pid"]), found["host"], found["version"]) if found else None


@contextlib.asynccontextmanager
async def worn(url: str, worker: int) -> AsyncIterator[None]:
    """Wear a name for this long. A worker works without one as well: what goes wrong here is passed over."""
    import psycopg

    connection = None
    with contextlib.suppress(psycopg.Error, OSError):
        connection = await psycopg.AsyncConnection.connect(
            **libpq_arguments(url, written(worker)),  # type: ignore[arg-type]
            autocommit=True,
        )
    try:
        yield
    finally:
        if connection is not None:
            await connection.close()
