"""The listening side of the feed: one connection that hears what other desks and workers committed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from datapulse_tui.data.feed.coalesce import ANY, Coalescer, OnChange
from datapulse_tui.data.feed.messages import CHANNEL, EVERYTHING, decode, encode
from datapulse_tui.errors import DataPulseError

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.pq import PGnotify
    from psycopg.pq.abc import PGconn, PGresult

logger = logging.getLogger(__name__)

ECHO = "feed.echo"  # the topic of self-tests; never handed on


class FeedState(StrEnum):
    """What the status line says about the line to the database."""

    CONNECTING = "connecting"
    LISTENING = "listening"
    POLLING = "polling"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds. `echo` is how long a self-test waits, `poll` how often a deaf line says that everything may
    have changed, `probe` how long a silent line is trusted, `answer` what a probe may take, `gap` the least time
    between two messages of a topic; `settled` is how long a connection must hold to start the back-off anew."""

    echo: float = 2.0
    poll: float = 15.0
    probe: float = 30.0
    answer: float = 5.0
    gap: float = 0.25
    back_off: float = 0.25
    back_off_limit: float = 30.0
    settled: float = 10.0


class Feed:
    """LISTENs on the direct `url` and reports changes, from `start` to `stop`.

    `on_change` gets topic -> ids (see `Changes`); `{"*": frozenset()}` means that everything may have changed: it is
    told after every connect, because what was committed before LISTEN took hold was not heard, and every 15 s while
    the line is deaf (a pooler in transaction mode). It may be a plain function or a coroutine function and is called
    once at a time. `on_state` is called with each new state. Both are called on the event loop that called `start`.
    `revive` (an embedded server's `ensure`) is called in a thread before the line is tried again; it may raise a
    DataPulseError, which becomes the `reason`.
    """

    def __init__(
        self,
        url: str,
        *,
        on_change: OnChange,
        on_state: Callable[[FeedState], None] | None = None,
        revive: Callable[[], None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._url = url
        self._on_state = on_state
        self._revive = revive
        self._pace = pace or Pace()
        self._state = FeedState.CONNECTING
        self._reason = ""
        self._changes = Coalescer(on_change, self._pace.gap)
        self._nonce = secrets.token_hex(8)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def state(self) -> FeedState:
        """How the line stands now."""
        return self._state

    @property
    def reason(self) -> str:
        """Why the line was lost last, in the driver's words (no password); empty when it never was."""
        return self._reason

    async def start(self) -> None:
        """Begin to listen, in the background. Never fails for a server that is away: that is a state."""
        if self._tasks:
            raise RuntimeError("this feed was started already")
        self._tasks = [
            asyncio.create_task(self._changes.run(), name="feed: tell"),
            asyncio.create_task(self._run(), name="feed: listen"),
        ]

    async def stop(self) -> None:
        """Close the connection. No callback is called once this has returned."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                logger.error("the change feed had failed", exc_info=ended)

    async def _run(self) -> None:
        import psycopg

        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                if self._revive is not None and self._state is FeedState.AWAY:
                    await asyncio.to_thread(self._revive)
                async with self._connection() as connection:
                    await self._serve(connection)
            except (psycopg.Error, OSError, DataPulseError) as error:
                self._reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                logger.info("the change feed lost its line: %s", self._reason)
            failures = 0 if loop.time() - began > self._pace.settled else failures + 1
            self._become(FeedState.AWAY)
            longest = min(self._pace.back_off_limit, self._pace.back_off * 2 ** min(max(failures - 1, 0), 16))
            await asyncio.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311  (spreads desks, hides nothing)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        from psycopg import AsyncConnection

        from datapulse_tui.data.address import libpq_arguments

        arguments = libpq_arguments(self._url, "datapulse feed")
        connection = await AsyncConnection.connect(**arguments, autocommit=True)  # type: ignore[arg-type]
        try:
            yield connection
        finally:
            await connection.close()

    async def _serve(self, connection: AsyncConnection) -> None:
        """Listen until the line is lost, which raises."""
        pgconn = connection.pgconn
        await self._ask(pgconn, f"LISTEN {CHANNEL}")
        self._changes.add(EVERYTHING, ANY)
        await self._send_echo()
        patience = self._pace.echo
        proved = False
        while True:
            heard = await self._hear(pgconn, patience)
            if heard and not proved:
                # The echo, however late, or another's change: the line is not deaf.
                proved, patience = True, self._pace.probe
                self._become(FeedState.LISTENING)
            elif not heard:
                if not proved:
                    patience = self._pace.poll
                    self._become(FeedState.POLLING)
                    self._changes.add(EVERYTHING, ANY)
                await self._ask(pgconn, "SELECT 1")

    async def _send_echo(self) -> None:
        """Notify ourselves by a second connection: on the first, a pooler in transaction mode would pass the echo on
        together with the answer of the statement that caused it, and nothing ever after."""
        import psycopg

        payload = encode(ECHO, (self._nonce,))
        with contextlib.suppress(psycopg.Error, OSError):
            async with self._connection() as second:
                await self._ask(second.pgconn, f"SELECT pg_notify('{CHANNEL}', '{payload}')")

    async def _hear(self, pgconn: PGconn, seconds: float) -> bool:
        """Wait for notifications while the line is idle and take them; False when none came within `seconds`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not self._take(pgconn):
            if not await _readable(pgconn, deadline):
                return False
            pgconn.consume_input()
        return True

    async def _ask(self, pgconn: PGconn, statement: str) -> None:
        """Run a statement of ours, without rows that matter, within the time of an answer.

        Not through `execute`: cancelled on a dead line, that waits for the server for another ten seconds.
        """
        import psycopg

        deadline = asyncio.get_running_loop().time() + self._pace.answer
        pgconn.send_query(statement.encode())
        while pgconn.is_busy():
            if not await _readable(pgconn, deadline):
                raise psycopg.OperationalError(f"no answer for {self._pace.answer:g} s")
            pgconn.consume_input()
        failed: PGresult | None = None
        while (result := pgconn.get_result()) is not None:
            failed = result if result.error_message else failed
        self._take(pgconn)
        if failed is not None:
            raise psycopg.OperationalError(failed.error_message.decode(errors="replace"))

    def _take(self, pgconn: PGconn) -> bool:
        """Note the notifications that have arrived; whether there were any."""
        heard = False
        while (notification := pgconn.notifies()) is not None:
            heard = True
            self._note(notification)
        return heard

    def _note(self, notification: PGnotify) -> None:
        topic, ids = decode(notification.extra.decode(errors="replace"))
        if topic != ECHO:
            self._changes.add(topic, ids)

    def _become(self, state: FeedState) -> None:
        if state is self._state:
            return
        self._state = state
        if self._on_state is not None:
            try:
                self._on_state(state)
            except Exception:  # a status line's mistake must not end the feed
                logger.exception("a listener of the feed's state failed")


async def _readable(pgconn: PGconn, deadline: float) -> bool:
    """Whether the server sent something before `deadline` (a time of the event loop). Sleeps without waking."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    descriptor = pgconn.socket
    loop.add_reader(descriptor, wake)
    try:
        async with asyncio.timeout_at(deadline):
            await ready
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True
