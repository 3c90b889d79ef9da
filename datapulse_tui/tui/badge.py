"""The numbers beside rooms in the top line: how much waits there for the person who sits here, as it comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from datapulse_tui.alerts.rules import INCIDENTS_TOPIC, SNOOZES_TOPIC, VIEW
from datapulse_tui.tui import failures
from datapulse_tui.workflows.rules import COMMENT, DELEGATIONS_TOPIC, WORKFLOWS_TOPIC

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.tui.app import DataPulseApp
    from datapulse_tui.tui.services import Person, Services

EVERYTHING = "*"
PAUSE = 0.3  # seconds between two counts, however much changes


class Counted(NamedTuple):
    """A room with a number: what changes it, who has one, how it is counted, and the module that this needs."""

    topics: frozenset[str]
    permission: str
    module: str
    number: Callable[[Services, Person], Awaitable[Count]]


COUNTED = {
    "alerts": Counted(
        frozenset({INCIDENTS_TOPIC, SNOOZES_TOPIC}),
        VIEW,
        "datapulse_tui.alerts.reads.counts",
        lambda services, person: services.badge(person),
    ),
    "approvals": Counted(
        frozenset({WORKFLOWS_TOPIC, DELEGATIONS_TOPIC}),
        COMMENT,
        "datapulse_tui.workflows.reads.counts",
        lambda services, person: services.requests_badge(person),
    ),
}


class Badges:
    """Counted once after the first screen is there, and each again after its changes; empty while there is nothing."""

    def __init__(self, app: DataPulseApp) -> None:
        self.app = app
        self.words: dict[str, str] = {}
        self._counting = False
        self._due: set[str] = set()

    def welcome(self) -> None:
        """Somebody else sits here now."""
        self.words = {}
        self.count()

    def heard(self, changes: Changes) -> None:
        """Others committed something."""
        for room, counted in COUNTED.items():
            if EVERYTHING in changes or not counted.topics.isdisjoint(changes):
                self.count(room)

    def count(self, *rooms: str) -> None:
        """Count for these rooms soon, or for all; one count at a time, and none is lost."""
        self._due |= set(rooms or COUNTED)
        if not self._counting:
            self._counting = True
            self.app.run_worker(self._count(), group="badges", exit_on_error=False, description="counting what waits")

    async def _count(self) -> None:
        await self.app.session.first_look.wait()
        await self.app.session.painted()
        await self.app.services.lull.comes()
        try:
            while self._due:
                rooms, self._due = sorted(self._due), set()
                for room in rooms:
                    await self._count_room(room)
                await asyncio.sleep(PAUSE)
        except Exception as error:  # noqa: BLE001 - a number must not end the desk
            self.app.noticed(failures.shown(error, "counting what waits"))
        finally:
            self._counting = False

    async def _count_room(self, room: str) -> None:
        counted, person = COUNTED[room], self.app.person
        if person is None or not person.actor.can(counted.permission):
            return
        await asyncio.to_thread(import_module, counted.module)
        number = await counted.number(self.app.services, person)
        if person is self.app.person:
            self._show(room, str(number) if number.number else "")
        else:  # somebody else sits here, or the same with a session or other rights by now
            self._due.add(room)

    def _show(self, room: str, words: str) -> None:
        if words != self.words.get(room, ""):
            self.words[room] = words
            self.app.redraw_frame()
