"""Start, join, stop and look at the embedded PostgreSQL server of a home folder.

Every process that uses the server holds a shared lock on one file for its life. A small supervisor (`supervisor.py`)
runs the server and waits for the exclusive lock on that file: it gets it when no client lives, however the last one
ended. Nothing outside the home is changed, save for a private folder for the socket where the home's path is too long
for one, and the system's state folder when root starts the server (`account.py`).

Everything here blocks; call it from a thread where an event loop runs. Only the standard library is imported, and on
the way to a server that runs already little of that.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from datapulse_tui.data.embedded import layout, settings, trouble
from datapulse_tui.data.embedded.layout import Place
from datapulse_tui.errors import Unavailable

# How long a newcomer waits for the shutdown that the last client left behind.
LEAVING_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known about a home's server. `clients` counts processes; None where the system does not tell."""

    running: bool
    pid: int | None
    data_dir: Path
    socket_dir: Path | None
    version: str
    clients: int | None
    pinned: bool


class EmbeddedServer:
    """A hold on the running server: it stays up at least until `release`, or until this process ends in any way.

    A forked child shares the hold (it is a client too); a program started by exec has none and calls `start` itself.
    """

    def __init__(self, place: Place, socket_dir: Path, lock: int) -> None:
        self._place = place
        self._lock: int | None = lock
        self.home = place.home
        self.socket_dir = socket_dir

    @property
    def app_url(self) -> str:
        """The application role's address, `postgresql+psycopg://ROLE@/datapulse?host=SOCKETDIR`."""
        return settings.url(settings.APPLICATION, self.socket_dir)

    @property
    def owner_url(self) -> str:
        """The owner role's address, for migrations."""
        return settings.url(settings.OWNER, self.socket_dir)

    @property
    def monitor_url(self) -> str:
        """The address of the role that may read statistics."""
        return settings.url(settings.MONITOR, self.socket_dir)

    @property
    def superuser_url(self) -> str:
        """The superuser's address, for tests and repairs; the program itself has no use for it."""
        return settings.url(settings.SUPERUSER, self.socket_dir)

    def ensure(self) -> None:
        """See that the server still runs, and bring it up again if it was killed; under a millisecond when it runs.

        For whoever lost a connection and tries again. Raises Unavailable when it was stopped by `stop` or erased (then
        only a new `start` brings it up), or cannot be started.
        """
        if self._lock is None:
            raise ValueError("the server was released")
        with trouble.explained(self.home):
            from datapulse_tui.data.embedded.locks import running

            found = running(self._place)
            if found is None:
                if self._place.stopped.exists():
                    raise trouble.stopped()
                if not self._place.base.exists():
                    raise trouble.erased(self.home)
                from datapulse_tui.data.embedded import control

                found = control.bring_up(self._place)
        self.socket_dir = found.socket_dir

    def pin(self) -> None:
        """Keep the server running without clients, until `stop`."""
        with trouble.explained(self.home):
            layout.write(self._place.pinned, "")

    def release(self) -> None:
        """Let go. The server stops when nobody else holds it. Doing it again does nothing."""
        if self._lock is not None:
            # Closing, not unlocking: a forked child may go on with the same lock.
            os.close(self._lock)
            self._lock = None


def start(home: Path) -> EmbeddedServer:
    """Join the server of `home`, or start it, making folder and data on the first start.

    Under a millisecond when it runs already, else the time that PostgreSQL needs. Several processes may start at once;
    one server comes of it. Raises Unavailable when it cannot run, saying why and what to do.
    """
    _needs_unix()
    from datapulse_tui.data.embedded import locks

    with trouble.explained(home):
        place = layout.find(home) or layout.make(home)
        # While a supervisor shuts its server down it holds this lock alone.
        lock = locks.wait_for(place.clients, shared=True, seconds=LEAVING_SECONDS)
        if lock is None:
            raise trouble.did_not_stop(place, LEAVING_SECONDS)
        try:
            found = locks.running(place)
            if found is None:
                from datapulse_tui.data.embedded import control

                found = control.bring_up(place)
        except BaseException:
            os.close(lock)
            raise
    return EmbeddedServer(place, found.socket_dir, lock)


def stop(home: Path) -> bool:
    """Stop the server of `home`, also under living clients (they lose their connections), and wait for its end.

    Returns False when none was running. Raises Unavailable when it does not end.
    """
    _needs_unix()
    from datapulse_tui.data.embedded import control

    with trouble.explained(home):
        place = layout.find(home)
        if place is None:
            return False
        with control.sole_starter(place):
            return control.take_down(place)


def erase(home: Path) -> None:
    """Stop the server of `home` and remove its data for good, wherever it lies. Other files in the home stay.

    Processes that still hold the server lose it. Raises Unavailable when it does not end.
    """
    _needs_unix()
    import shutil

    from datapulse_tui.data.embedded import control

    with trouble.explained(home):
        place = layout.find(home)
        if place is None:
            return
        with control.sole_starter(place):
            control.take_down(place)
            shutil.rmtree(place.base)
        link = place.home / "postgres"
        if link.is_symlink():
            link.unlink()


def status(home: Path) -> ServerStatus:
    """Look at the server of `home`. Changes and makes nothing. Raises Unavailable when it is another user's."""
    _needs_unix()
    from datapulse_tui.data.embedded import control, locks

    with trouble.explained(home):
        place = layout.find(home) or Place(home.absolute(), home.absolute() / "postgres")
        found = locks.running(place)
        return ServerStatus(
            running=found is not None,
            pid=found.pid if found else None,
            data_dir=place.data,
            socket_dir=found.socket_dir if found else None,
            version=control.version(),
            clients=locks.shared_holders(place.clients) if found else 0,
            pinned=place.pinned.exists(),
        )


def _needs_unix() -> None:
    if os.name != "posix":
        raise Unavailable(
            "The embedded database runs on Linux and macOS only.",
            hint="Name a PostgreSQL server in DATAPULSE_DATABASE_URL.",
        )
