"""A few connections to one PostgreSQL source, opened when needed, clean before each use.

Not psycopg_pool: its pool connects in the background and retries there, so that a wrong password reaches the person
as "no connection after N seconds"; and it keeps four tasks per source alive. Here the caller connects itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

Connection = psycopg.AsyncConnection[tuple[object, ...]]

T = TypeVar("T")

RESET_TIMEOUT = 5.0  # seconds
_CANCEL_EVERY = 0.1  # seconds
_CANCEL_FOR = 10.0  # seconds until a server that does not react is left to its own statement_timeout


async def ended_with_task(connection: Connection, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` on `connection`; when the task that awaits is cancelled, end the query in the server as well.

    psycopg would ask the server once. That request is lost when it arrives before the query (both travel on
    connections of their own), and the query then runs on until its timeout. So it is repeated until the query ends.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _end(connection, task)
        raise


async def _end(connection: Connection, task: asyncio.Task[T]) -> None:
    loop = asyncio.get_running_loop()
    limit = loop.time() + _CANCEL_FOR
    try:
        while not task.done() and loop.time() < limit and not connection.closed:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.cancel_safe(timeout=2.0)
            await asyncio.wait({task}, timeout=_CANCEL_EVERY)
    finally:
        if not task.done():
            connection.pgconn.finish()
            task.cancel()
        task.add_done_callback(_ignore)


def _ignore(task: asyncio.Task[T]) -> None:
    """Look at the outcome of a task that nobody waits for any more, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()


class Connections:
    """At most `size` connections made by `connect`; idle ones are closed after `idle_seconds`."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], *, size: int, idle_seconds: float = 60.0) -> None:
        self._connect = connect
        self._places = asyncio.Semaphore(size)
        self._idle_seconds = idle_seconds
        self._idle: list[tuple[Connection, float]] = []
        self._resets: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self) -> tuple[Connection, bool]:
        """A connection without a transaction, and whether it was used before (and so may be dead by now).

        Give it back in every case. Raises what `connect` raises.
        """
        await self._places.acquire()
        try:
            while self._idle:
                connection, _ = self._idle.pop()
                if not connection.closed:
                    return connection, True
            return await self._connect(), False
        except BaseException:
            self._places.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """Take `connection` back: whatever its state, it is cleaned (or closed) before anybody gets it again."""
        task = asyncio.get_running_loop().create_task(self._reset(connection))
        self._resets.add(task)
        task.add_done_callback(self._resets.discard)

    async def forget_idle(self) -> None:
        """Close what lies idle: one of them turned out to be dead, so the others probably are."""
        while self._idle:
            connection, _ = self._idle.pop()
            await connection.close()

    async def close(self) -> None:
        """Close everything; connections that are out are closed when they come back."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        await self.forget_idle()
        if self._resets:
            await asyncio.wait(set(self._resets))

    async def _reset(self, connection: Connection) -> None:
        try:
            clean = False
            with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(RESET_TIMEOUT):
                    if not connection.closed:
                        if connection.info.transaction_status != TransactionStatus.IDLE:
                            await connection.rollback()
                        await connection.execute("DISCARD ALL")
                        clean = True
            if clean and not self._closed:
                loop = asyncio.get_running_loop()
                self._idle.append((connection, loop.time()))
                if self._sweep is None:
                    self._sweep = loop.call_later(self._idle_seconds, self._start_sweep)
            else:
                await connection.close()
        finally:
            self._places.release()

    def _start_sweep(self) -> None:
        self._sweep = None
        task = asyncio.get_running_loop().create_task(self._close_idle())
        self._resets.add(task)
        task.add_done_callback(self._resets.discard)

    async def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() - self._idle_seconds
        old = [connection for connection, since in self._idle if since <= limit]
        self._idle = [item for item in self._idle if item[1] > limit]
        if self._idle and not self._closed and self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._start_sweep)
        for connection in old:
            await connection.close()
