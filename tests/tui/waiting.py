"""How the desk's tests wait: until nothing in it can go on, whatever the machine does besides.

Textual's pilot takes a process that used no CPU for 20 ms for one that has finished, twice for each key. On a busy
machine a desk that does not get its turn looks just the same; on a quiet one those 20 ms are most of a test.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from textual import app as textual_app
from textual import pilot as textual_pilot
from textual._context import active_app
from textual.pilot import Pilot
from textual.worker import WorkerState

TURNS = 3  # of the loop without anything to do: an answer that came meanwhile is taken up in the second one
LONGEST = 1.0  # seconds for a desk that always has something to do
READING = 0.5  # seconds for what is read for a screen: a test that holds an answer back goes on without it
LASTING = ("opening", "going")  # work of the app itself that comes to an end; feed, saving and looks go on for ever


async def idle() -> None:
    """Wait until no callback of this loop is ready: whatever goes on waits for a clock, a thread or the server."""
    loop: Any = asyncio.get_running_loop()
    deadline = time.monotonic() + LONGEST
    quiet = 0
    while quiet < TURNS and time.monotonic() < deadline:
        await asyncio.sleep(0)
        quiet = 0 if loop._ready else quiet + 1


def unpainted(app: Any) -> bool:
    """Whether the screen has to be resized, laid out or painted, or something waits for that."""
    if not app._running or app._batch_count or not app._screen_stack:
        return False
    screen = app._screen_stack[-1]
    return bool(
        app._resize_event  # which Textual passes on 8 ms later
        or screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )


async def painted(app: Any) -> None:
    """Wait until the desk is idle and what changed is on the screen, without waiting for the clock to paint it."""
    deadline = time.monotonic() + LONGEST
    await idle()
    while unpainted(app) and time.monotonic() < deadline:
        app.screen._on_timer_update()
        await idle()
        if unpainted(app):
            await asyncio.sleep(0.002)


def reading(app: Any) -> bool:
    """Whether something is being read or drawn for a screen, or the desk opens or changes rooms."""
    return any(
        each.state in (WorkerState.PENDING, WorkerState.RUNNING) and (each.node is not app or each.group in LASTING)
        for each in app.workers._workers
    )


async def handled(app: Any) -> bool:
    """Wait until the app and its screen have handled what they were sent; False when the app failed meanwhile."""
    pumps = [app, *app._screen_stack[-1:]]
    waits = set(pumps)

    def passed(pump: Any) -> None:
        waits.discard(pump)

    for pump in pumps:
        if not pump.call_later(passed, pump):
            waits.discard(pump)
    deadline = time.monotonic() + LONGEST
    await idle()
    while waits and not app._exception_event.is_set() and time.monotonic() < deadline:
        await asyncio.sleep(0.002)
        waits.intersection_update([pump for pump in waits if pump.is_running])
    return not app._exception_event.is_set()


class Looks:
    """How long to wait between one look and the next: at first short, as looking takes time from what is waited for."""

    def __init__(self) -> None:
        self._wait = 0.002

    async def pause(self) -> None:
        await asyncio.sleep(self._wait)
        self._wait = min(0.03, self._wait * 1.5)


async def settled(app: Any) -> bool:
    """Wait until all is handled, read and painted; False when the app failed meanwhile."""
    deadline = time.monotonic() + READING
    while await handled(app):
        await painted(app)
        if not reading(app) or time.monotonic() > deadline:
            return True
        looks = Looks()
        while reading(app) and time.monotonic() < deadline:
            await looks.pause()
    return False


async def _wait_for_idle(*_: float) -> None:
    await painted(active_app.get())


async def _wait_for_screen(self: Pilot[Any], timeout: float = 0) -> bool:
    return await settled(self.app)


async def _press(self: Pilot[Any], *keys: str) -> None:
    await painted(self.app)  # a key meets the screen that a person sees
    await self.app._press_keys(keys)
    await self._wait_for_screen()


async def until(pilot: Pilot[Any], condition: Callable[[], object], told: Callable[[], str], timeout: float) -> None:
    """Let the desk work until `condition` holds; `told` is what to say when it never does."""
    deadline, looks = time.monotonic() + timeout, Looks()
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true on:\n{told()}")
        await painted(pilot.app)
        if not condition():
            await looks.pause()
    if await handled(pilot.app):  # a dialog that is there stands, and has the focus
        await painted(pilot.app)


def install(patch: pytest.MonkeyPatch) -> None:
    """Let every pilot wait this way."""
    patch.setattr(textual_app, "wait_for_idle", _wait_for_idle)
    patch.setattr(textual_pilot, "wait_for_idle", _wait_for_idle)
    patch.setattr(Pilot, "_wait_for_screen", _wait_for_screen)
    patch.setattr(Pilot, "press", _press)
