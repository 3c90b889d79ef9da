"""The desk's changes, one behind the other. A later key never cancels an earlier change."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures


class Write(NamedTuple):
    """One change. `verify` answers whether it happened, for the case that the connection died during the commit."""

    description: str
    work: Callable[[], Awaitable[None]]
    done: Callable[[], None]
    failed: Callable[[DataPulseError], None]
    verify: Callable[[], Awaitable[bool]] | None = None


class WriteQueue:
    """First in, first out, on one task that lives as long as the desk."""

    def __init__(self) -> None:
        self._waiting: deque[Write] = deque()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def pending(self) -> int:
        """Changes that are not known to be saved yet, the running one included."""
        return len(self._waiting)

    def put(self, write: Write) -> None:
        """Add a change; it runs when those before it have ended."""
        self._waiting.append(write)
        self._idle.clear()
        self._filled.set()

    async def finished(self, timeout: float) -> bool:
        """Wait until nothing is pending, at most `timeout` seconds; whether that came true."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Carry out changes until cancelled."""
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            await self._carry_out(self._waiting[0])
            self._waiting.popleft()
            if not self._waiting:
                self._idle.set()

    @staticmethod
    async def _carry_out(write: Write) -> None:
        from datapulse_tui.data.engine import OutcomeUnknown

        try:
            await write.work()
        except OutcomeUnknown as error:
            try:
                happened = await write.verify() if write.verify else False
            except Exception:  # noqa: BLE001 - the look-up failed too: say that the outcome is not known
                write.failed(error)
                return
            if happened:
                write.done()
            else:
                write.failed(error)
        except Exception as error:  # noqa: BLE001 - a failed change must not end the queue
            write.failed(failures.shown(error, write.description))
        else:
            write.done()
