"""What people are told when the embedded server cannot run."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datapulse_tui.data.embedded.layout import Place
from datapulse_tui.errors import Unavailable


@contextmanager
def explained(home: Path) -> Iterator[None]:
    """Turn the system's errors about files into one that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(home) from error
        raise Unavailable(
            f"The embedded database cannot use {error.filename or home}: {error.strerror or error}. "
            "Your data was not touched.",
            hint="Give yourself the right to write there, or choose another folder with DATAPULSE_HOME.",
        ) from error


def disk_full(home: Path) -> Unavailable:
    return Unavailable(
        f"The embedded database cannot start: the disk that holds {home} is full. What was saved before is safe.",
        hint="Free some space and try again.",
    )


def did_not_start(place: Place, answer: str) -> Unavailable:
    """`answer` is the supervisor's: a line with what failed, then the end of the log."""
    if "No space left on device" in answer:
        return disk_full(place.home)
    what, _, tail = answer.partition("\n")
    telling = ("FATAL:", "PANIC:", "error:", "could not run")
    lines = [line.strip() for line in tail.splitlines() if any(word in line for word in telling)]
    last = f" Its last word: {lines[-1].rstrip('.')}." if lines else ""
    return Unavailable(
        f"The embedded database did not start: {what or 'its supervisor ended'}.{last} "
        f"Your data in {place.data} was left as it is.",
        hint=f"The end of {place.log} says more.",
    )


def not_ready(place: Place, seconds: float) -> Unavailable:
    return Unavailable(
        f"The embedded database was not ready within {seconds:.0f} s. Your data was not touched.",
        hint=f"It may still be recovering after a crash: see {place.log}, and try again.",
    )


def did_not_stop(place: Place, seconds: float) -> Unavailable:
    return Unavailable(
        f"The embedded database did not stop within {seconds:.0f} s. Nothing is lost.",
        hint=f"See what {place.log} says, and try again.",
    )


def other_version(place: Place, found: str, ours: int) -> Unavailable:
    return Unavailable(
        f"The data in {place.data} was written by PostgreSQL {found}; this DataPulse brings PostgreSQL {ours}, "
        "which cannot read it. Nothing was changed.",
        hint="Use the DataPulse that wrote it to make a backup, and restore that here; "
        f"or move {place.data} away to begin with an empty database.",
    )


def nameless_user(uid: int) -> Unavailable:
    return Unavailable(
        f"The user id {uid} has no name on this system, and PostgreSQL needs one to make its data folder.",
        hint="Add the user to /etc/passwd, or name a server in DATAPULSE_DATABASE_URL.",
    )


def stopped() -> Unavailable:
    return Unavailable(
        "The embedded database was stopped with `datapulse db stop`. Your data is safe.",
        hint="Start it again with `datapulse db start`.",
    )


def erased(home: Path) -> Unavailable:
    return Unavailable(
        f"The embedded database of {home} was removed by another process.",
        hint="Open DataPulse again to begin with a new one.",
    )


def elsewhere(place: Place) -> Unavailable:
    return Unavailable(
        f"The embedded database of {place.home} runs in another container, where this one cannot reach its process. "
        "Nothing was changed.",
        hint="Run the command there.",
    )
