"""Bringing a supervisor up and down: what happens when no server runs yet, or when it has to go."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from datapulse_tui.config_files import inherited
from datapulse_tui.data.embedded import binaries, layout, locks, settings, trouble
from datapulse_tui.data.embedded.layout import Place
from datapulse_tui.data.embedded.leftovers import Leftovers
from datapulse_tui.data.embedded.locks import Running, running

# The first start on a slow disk, or the recovery of a large database, may take long; a shutdown too.
START_SECONDS = 180.0
STOP_SECONDS = 90.0
STRANGE_SECONDS = 2.0  # for which a pid that is not the supervisor's may mean that it is ending just now


@contextmanager
def sole_starter(place: Place) -> Iterator[None]:
    """One process at a time starts, stops or erases. Raises Unavailable after minutes of waiting."""
    lock = locks.wait_for(place.starting, shared=False, seconds=START_SECONDS)
    if lock is None:
        raise trouble.not_ready(place, START_SECONDS)
    try:
        yield
    finally:
        os.close(lock)


def bring_up(place: Place) -> Running:
    """Start a supervisor, unless somebody else has done so by the time it is our turn. Raises Unavailable, OSError."""
    with sole_starter(place):
        leftovers = Leftovers(place.base)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = running(place)
            if found is not None:
                return found
            if not locks.held(place.supervisor):
                # Of a supervisor that was killed. Before the lock is ours, so that nobody takes it for our word.
                place.server.unlink(missing_ok=True)
                with _both_locks(place) as (own, processes):
                    if own is not None and processes is not None:
                        place.stopped.unlink(missing_ok=True)
                        _supervise(place, own, processes, deadline)
                        continue
                if processes is None:
                    leftovers.nudge()
            time.sleep(locks.PAUSE)
    raise trouble.not_ready(place, START_SECONDS)


def take_down(place: Place) -> bool:
    """Stop whatever runs; True when something did. Only within `sole_starter`. Raises Unavailable, OSError."""
    place.pinned.unlink(missing_ok=True)
    leftovers = Leftovers(place.base)
    deadline = time.monotonic() + STOP_SECONDS
    strange_until = time.monotonic() + STRANGE_SECONDS
    ran = asked = False
    while time.monotonic() < deadline:
        processes = locks.take(place.processes, shared=False)
        if processes is not None:
            os.close(processes)
            place.server.unlink(missing_ok=True)
            return ran
        if not ran:
            # Before the signal: a client that loses its connection must find it.
            layout.write(place.stopped, "")
            ran = True
        if not locks.held(place.supervisor):
            leftovers.nudge()
        elif not asked:
            asked = _ask_supervisor(place, strange=time.monotonic() > strange_until)
        time.sleep(locks.PAUSE)
    raise trouble.did_not_stop(place, STOP_SECONDS)


def version() -> str:
    """Of the binaries, such as "18.4"."""
    program = binaries.wheel() / "postgres"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return told.stdout.strip().rpartition(" ")[2]


@contextmanager
def _both_locks(place: Place) -> Iterator[tuple[int | None, int | None]]:
    """The supervisor's lock and that of the server's processes, to be handed to a new supervisor.

    They stay locked after this closes them, because the supervisor has inherited them.
    """
    descriptors: list[int | None] = []
    try:
        descriptors.append(locks.take(place.supervisor, shared=False))
        descriptors.append(locks.take(place.processes, shared=False))
        yield descriptors[0], descriptors[1]
    finally:
        for descriptor in descriptors:
            if descriptor is not None:
                os.close(descriptor)


def _supervise(place: Place, own: int, processes: int, deadline: float) -> None:
    """Write the configuration, start the supervisor and wait until its server takes connections. Raises Unavailable."""
    _check_data(place)
    found, owner = _binaries_and_owner()
    socket_folder = layout.socket_folder(place, owner)
    _write_configuration(place, socket_folder, mode=0o644 if os.geteuid() != owner[0] else 0o600)
    os.ftruncate(own, 0)

    reader, writer = os.pipe()
    try:
        script = Path(__file__).with_name("supervisor.py")
        words = [place.base, found, place.log, socket_folder, *owner, processes, own, writer]
        try:
            subprocess.run(  # noqa: S603 - it hands over to a child of its own at once
                [sys.executable, "-I", "-S", "-E", script, *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(processes, own, writer),
                cwd="/",
                env=inherited(os.environ),
                check=False,
            )
        finally:
            os.close(writer)
        answer = _read_all(reader, deadline)
    finally:
        os.close(reader)
    if answer is None:
        raise trouble.not_ready(place, START_SECONDS)
    if answer != b"ready":
        raise trouble.did_not_start(place, answer.decode(errors="replace"))


def _write_configuration(place: Place, socket_folder: Path, *, mode: int) -> None:
    """What the server reads (with `mode`), and what the supervisor gives it on the first start."""
    hba = place.base / "pg_hba.conf"
    layout.write(hba, settings.HBA, mode)
    text = settings.configuration(socket_folder=socket_folder, hba_file=hba)
    layout.write(place.base / "postgresql.conf", text, mode)
    layout.write(place.base / "bootstrap.sql", settings.BOOTSTRAP)
    own = place.base / "local.conf"
    if not own.exists():
        layout.write(own, settings.OWN_CONFIGURATION, mode)


def _read_all(reader: int, deadline: float) -> bytes | None:
    """Everything until the other end closes, or None when that does not happen in time."""
    answer = b""
    waiting = select.poll()
    waiting.register(reader, select.POLLIN)
    while waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        part = os.read(reader, 65536)
        if not part:
            return answer
        answer += part
    return None


def _binaries_and_owner() -> tuple[Path, tuple[int, int]]:
    """The binaries to run, and the user and group to run them as."""
    found = binaries.wheel()
    if os.geteuid() != 0:
        return found, (os.geteuid(), os.getegid())
    from datapulse_tui.data.embedded import account

    return binaries.copy(found, account.shelf()), account.ensure()


def _check_data(place: Place) -> None:
    """Refuse data of another PostgreSQL before anything is done to it, and a user that initdb would refuse."""
    try:
        found = (place.data / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        import pwd

        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise trouble.nameless_user(os.geteuid()) from None
        return
    if found != str(binaries.MAJOR):
        raise trouble.other_version(place, found, binaries.MAJOR)


def _ask_supervisor(place: Place, *, strange: bool) -> bool:
    """Tell the living supervisor to stop; False while it has not written its pid yet, or is about to be gone.

    Its pid may mean another process here, when the home is shared between containers; then raises Unavailable. But one
    that ends has no command line any more a moment before its lock goes, so that only counts once it has lasted
    (`strange`).
    """
    pid = place.supervisor.read_text(encoding="ascii").strip()
    if not pid:
        return False
    if Path("/proc/self").exists() and os.fsencode(place.base) not in _command_line(int(pid)):
        if strange and locks.held(place.supervisor):
            raise trouble.elsewhere(place)
        return False
    with suppress(ProcessLookupError):
        os.kill(int(pid), signal.SIGTERM)
    return True


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
