"""Locks that die with their holder: `flock` on small files, so that a killed process holds none.

The lock belongs to the open file description. Descriptors are close-on-exec: a program that is started holds nothing. A
fork without exec does share the lock, on purpose: a forked desk session is a client too, and the server must outlive
whichever of the two ends last. So a lock is given back by closing the descriptor, never by LOCK_UN, which would take it
away from the other process as well.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

from datapulse_tui.data.embedded.layout import Place

# How often a wait looks again. Only starts and stops wait; the quick path does not.
PAUSE = 0.005


def take(path: Path, *, shared: bool) -> int | None:
    """Lock the file `path`, made with mode 0600 if need be; None when another holds it.

    Returns the descriptor; closing it gives the lock back. Raises OSError when the file cannot be opened.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            if _is_file_at(path, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        # `erase` removed the file between open and lock: the lock on it would keep nobody out.
        os.close(descriptor)


def wait_for(path: Path, *, shared: bool, seconds: float) -> int | None:
    """Like `take`, but tries for `seconds`; None when another holds the lock all that time."""
    deadline = time.monotonic() + seconds
    while True:
        descriptor = take(path, shared=shared)
        if descriptor is not None or time.monotonic() > deadline:
            return descriptor
        time.sleep(PAUSE)


def held(path: Path) -> bool:
    """True while some process holds the exclusive lock on `path`. Makes no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@dataclass(frozen=True, slots=True)
class Running:
    """A server that takes connections: the postmaster's pid, and the folder of its socket."""

    pid: int
    socket_dir: Path


def running(place: Place) -> Running | None:
    """The server of `place`, if its supervisor lives and has said that it is ready."""
    # In this order: what is written while the lock is held is the word of its holder.
    if not held(place.supervisor):
        return None
    try:
        pid, folder = place.server.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return None
    return Running(int(pid), Path(folder))


def shared_holders(path: Path) -> int | None:
    """How many processes hold the shared lock on `path`; None where the system does not tell (only Linux does)."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    # 12: FLOCK  ADVISORY  READ 4711 fe:00:131077 0 EOF; a lock that is waited for has "->" before its type.
    fields = [line.split() for line in lines]
    return len({f[4] for f in fields if f[1] == "FLOCK" and f[3] == "READ" and f[5].rpartition(":")[2] == str(inode)})


def _is_file_at(path: Path, descriptor: int) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
