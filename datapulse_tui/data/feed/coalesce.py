"""Many notifications, few messages: at most four a second for each topic, the first one at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from datapulse_tui.data.feed.messages import EVERYTHING, Changes

logger = logging.getLogger(__name__)

OnChange: TypeAlias = "Callable[[Changes], Awaitable[None] | None]"

MOST_IDS = 1_000  # more ids than this in one message say no more than "anything of the topic"
ANY: frozenset[str] = frozenset()


class Coalescer:
    """Collects changes and hands them on, one call at a time; a slow `on_change` gets fewer and larger messages."""

    def __init__(self, on_change: OnChange, gap: float) -> None:
        self._on_change = on_change
        self._gap = gap
        self._waiting: dict[str, frozenset[str]] = {}
        self._free_at: dict[str, float] = {}
        self._wake = asyncio.Event()

    def add(self, topic: str, ids: frozenset[str]) -> None:
        """Note a change; an empty `ids` means anything of `topic`."""
        waiting = self._waiting.get(topic)
        merged = ids if waiting is None else ANY if ANY in (waiting, ids) else waiting | ids
        self._waiting[topic] = merged if len(merged) <= MOST_IDS else ANY
        self._wake.set()

    async def run(self) -> None:
        """Hand changes on until cancelled. Sleeps without waking while there is nothing to tell."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            self._free_at = {topic: at for topic, at in self._free_at.items() if at > now}
            due = {topic: ids for topic, ids in self._waiting.items() if topic not in self._free_at}
            if due:
                await self._tell(due, now)
                continue
            pause = min((self._free_at[topic] for topic in self._waiting), default=None)
            self._wake.clear()
            try:
                async with asyncio.timeout_at(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _tell(self, due: dict[str, frozenset[str]], now: float) -> None:
        for topic in due:
            del self._waiting[topic]
            self._free_at[topic] = now + self._gap
        try:
            answer = self._on_change({EVERYTHING: ANY} if EVERYTHING in due else due)
            if answer is not None:
                await answer
        except Exception:  # a view's mistake must not make the desk deaf
            logger.exception("a listener of the change feed failed")
