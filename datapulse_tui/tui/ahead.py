"""What the desk imports before anybody waits for it, and when: in the order in which a dashboard needs it.

Imports run in a thread, but they take the interpreter away from the screen and from each other. What no query needs is
imported in steps, each of which lets a dashboard that loads go first.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from time import monotonic

# The list of dashboards: little, and where many go from Today.
FOR_LIST = ("datapulse_tui.dashboards.reads", "datapulse_tui.tui.screens.dashboards")
# What the first query of a dashboard waits for.
FOR_QUERIES = (
    "datapulse_tui.tui.screens.dashboard",
    "datapulse_tui.dashboards.runner",
    "datapulse_tui.sources.pool",
    "datapulse_tui.sources.guard",
    "datapulse_tui.sources.adapters.postgresql",
    "sqlglot.dialects.postgres",
    "datapulse_tui.charts.series",
)
# What some dashboards need, and what can be imported while the queries run.
FOR_PICTURES = (
    "cryptography.fernet",
    *(f"datapulse_tui.charts.{kind}" for kind in ("options", "metrics", "lines", "areas", "bars", "pies", "tables")),
    "datapulse_tui.sources.adapters.csv",
    "sqlglot.dialects.duckdb",
)
REST = 0.15  # seconds without a question until nobody waits any more: answers have to be drawn
PATIENCE = 5.0  # seconds after which a dashboard that still loads is not waited for: some query takes half a minute
SWITCH = 0.001  # seconds after which a thread that imports lets the screen go on; Python's own are five times that


class Lull:
    """Knows whether somebody waits for a screen."""

    def __init__(self) -> None:
        self._waiting = 0
        self._last = 0.0
        self._nobody = asyncio.Event()
        self._nobody.set()

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Somebody waits while this block runs."""
        self._waiting += 1
        self._nobody.clear()
        try:
            yield
        finally:
            self._waiting -= 1
            self._last = monotonic()
            if not self._waiting:
                self._nobody.set()

    def not_now(self) -> None:
        """Somebody goes to another screen: what it asks comes in a moment."""
        self._last = monotonic()

    async def comes(self) -> None:
        """Wait until nobody waits, or until that has taken too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._nobody.wait()
                while (rest := self._last + REST - monotonic()) > 0:
                    await asyncio.sleep(rest)
                    await self._nobody.wait()


def import_for_list() -> None:
    """For a thread."""
    for name in FOR_LIST:
        import_module(name)


def import_for_queries() -> None:
    """For one thread: several that import the same at once only hinder each other."""
    for name in (*FOR_LIST, *FOR_QUERIES):
        import_module(name)


async def import_in_lulls(names: Iterable[str], lull: Lull) -> None:
    """Import one after the other, each in a thread and in a lull."""
    for name in names:
        if name not in sys.modules:
            await lull.comes()
            await asyncio.to_thread(import_module, name)


@contextmanager
def giving_way() -> Iterator[None]:
    """Threads let the screen go on sooner while this block runs."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
