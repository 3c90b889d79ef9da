"""What the desk keeps an eye on: the minute, the idle keyboard, the database, the worker, and signals to end."""

from __future__ import annotations

import asyncio
import signal
from time import monotonic
from typing import TYPE_CHECKING, Literal, NamedTuple

from datapulse_tui.errors import DataPulseError, Unavailable
from datapulse_tui.tui import failures

if TYPE_CHECKING:
    from datapulse_tui.tui.app import DataPulseApp

Mood = Literal["good", "busy", "bad"]
BACK_OFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds between attempts to reach the database
WORKER_LOOKS = (3.0, 10.0, 30.0)  # seconds after the start at which the worker's state is read
IDLE_CHECK = 5.0  # seconds; how late the lock may come


class Status(NamedTuple):
    """What the bottom line tells: the database, where it is, and the worker."""

    database: str = "connecting"
    mood: Mood = "busy"
    place: str = ""
    worker: str = ""


class Watch:
    """Timers and tasks of one desk that no key starts."""

    def __init__(self, app: DataPulseApp) -> None:
        self.app = app
        self.away = False
        self._touched = monotonic()
        self._pause = asyncio.Event()

    def begin(self) -> None:
        """Start with the app."""
        self._next_minute()
        self.app.set_interval(IDLE_CHECK, self.lock_when_idle, name="idle lock")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self.app.session.leave, number)
            except (RuntimeError, ValueError, NotImplementedError):
                return  # not on the main thread (tests, a host program): whoever runs us has the signals

    def touched(self) -> None:
        """A key or the mouse was used."""
        self._touched = monotonic()

    @property
    def idle_seconds(self) -> float:
        """For how long no key was pressed and the mouse was not used."""
        return monotonic() - self._touched

    def lock_when_idle(self) -> None:
        """Lock when nobody has pressed a key for the time that the settings allow."""
        minutes = self.app.services.idle_lock_minutes
        if minutes and self.idle_seconds > minutes * 60:
            self.app.session.lock()

    def _next_minute(self) -> None:
        now = self.app.now()
        self.app.set_timer(60.05 - now.second - now.microsecond / 1e6, self._minute, name="minute")

    def _minute(self) -> None:
        self._next_minute()
        self.look_at_worker()
        self.app.session.presence.minute()
        self.app.redraw_frame()

    def noticed(self, error: DataPulseError) -> None:
        """Called with every error; starts the attempts to come back when the workspace's database does not answer."""
        if isinstance(error, Unavailable) and self.app.services.is_open and not self.away:
            self.away = True
            self.app.run_worker(self._come_back(), group="database", exclusive=True, exit_on_error=False)

    def connected(self, place: str) -> None:
        """The database answers."""
        self._status(Status(database="connected", mood="good", place=place, worker=self.app.status.worker))

    def feed_state(self, state: str) -> None:
        """What the change feed says about its own line: `listening` is what is expected and not worth a word."""
        if state == "away" and not self.away and self.app.services.is_open:
            self.app.run_worker(self._come_back(), group="database", exclusive=True, exit_on_error=False)
        elif not self.away:
            words = {"listening": "live", "polling": "connected, polling every 15 s"}.get(state, "connected")
            self._status(self.app.status._replace(database=words, mood="good"))

    def worker_starts(self) -> None:
        """A worker was started: it takes a while until its first beat."""
        for seconds in WORKER_LOOKS:
            self.app.set_timer(seconds, self.look_at_worker, name="worker")

    def look_at_worker(self) -> None:
        """Read in the background how the worker is; also how a desk at rest notices that the database went away."""
        if self.app.services.is_open and not self.away:
            self.app.run_worker(self._worker(), group="worker health", exclusive=True, exit_on_error=False)

    async def _worker(self) -> None:
        try:
            words = await self.app.services.worker_words()
        except Exception as error:  # noqa: BLE001 - the status line must not end the desk
            self.noticed(failures.shown(error, "reading the worker's state"))
            return
        self._status(self.app.status._replace(worker=words))

    async def _come_back(self) -> None:
        attempt = 0
        while True:
            wait = BACK_OFF[min(attempt, len(BACK_OFF) - 1)]
            self.app.banner = (
                "The database does not answer. What you see is kept; nothing can be saved now. "
                f"Trying again every {wait:.0f} s."
            )
            self._status(self.app.status._replace(database="away", mood="bad"))
            await asyncio.sleep(wait)
            attempt += 1
            try:
                await self.app.services.ping()
            except Exception as error:  # noqa: BLE001 - any failure means: not back yet
                failures.shown(error, "reaching the database again")
                continue
            break
        self.away = False
        self.app.banner = ""
        self._status(self.app.status._replace(database="connected", mood="good"))
        self.app.session.reread()

    def _status(self, status: Status) -> None:
        self.app.status = status
        self.app.redraw_frame()
