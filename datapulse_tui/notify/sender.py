"""Sending what is due: one lane for each channel, so that one that hangs holds up nobody else.

A drain looks which channels have something due, wakes their lanes, and ends: it never waits for a receiver. A Sender
lives as long as the worker's process.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.notify.due import prepare
from datapulse_tui.notify.lane import Lane

if TYPE_CHECKING:
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.secrets import SecretBox


class Sender:
    """The lanes of one worker process. `secrets` opens the channels' passwords."""

    def __init__(self, data: Database, secrets: SecretBox) -> None:
        self._data = data
        self._secrets = secrets
        self._lanes: dict[UUID, Lane] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._closing = False

    async def drain(self) -> None:
        """Have everything that is due sent, without waiting for it. Raises Unavailable when the database is away."""
        if self._closing:
            return
        async with self._data.transaction() as session:
            due = await prepare(session)
        for channel_id in due.channels:
            lane = self._lanes.get(channel_id)
            if lane is None or lane.ended:
                lane = self._lanes[channel_id] = Lane(self._data, self._secrets, channel_id)
                self._running.add(lane.task)
                lane.task.add_done_callback(self._running.discard)
            lane.wake()

    async def idle(self) -> None:
        """Wait until nothing is being sent and nothing more is due for the lanes that were woken."""
        for lane in list(self._lanes.values()):
            await lane.rested()

    async def close(self) -> None:
        """Start nothing more, wait for what is under way (half a minute at most), and close all connections."""
        self._closing = True
        for lane in self._lanes.values():
            lane.stop()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._lanes.clear()
