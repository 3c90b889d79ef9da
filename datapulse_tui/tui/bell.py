"""A discreet bell of the terminal for new critical incidents of the person who sits here. Off until they want it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.rules import INCIDENTS_TOPIC
from datapulse_tui.tui import failures

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.tui.app import DataPulseApp
    from datapulse_tui.tui.services import Person

PREFERENCE = "bell"
EVERYTHING = "*"
REMEMBERED = 200  # incidents that are known to have rung


class Bell:
    """Rings once for each incident, however often it changes; nothing is read while it is off."""

    def __init__(self, app: DataPulseApp) -> None:
        self.app = app
        self.on = False
        self._since: datetime | None = None
        self._rung: dict[UUID, None] = {}

    def welcome(self, person: Person) -> None:
        """`person` sits here now: what they like, and nothing that opened before."""
        self.on = person.preferences.get(PREFERENCE) is True
        self._since = self.app.now()
        self._rung = {}

    def switch(self) -> None:
        """On or off, remembered for this person."""
        self.on = on = not self.on
        self._since = self.app.now()
        services = self.app.services
        self.app.session.save(
            "remembering the bell", lambda person: services.set_preference(person, PREFERENCE, on or None)
        )
        self.app.say("The bell is on." if on else "The bell is off.")

    def heard(self, changes: Changes) -> None:
        """Others committed something."""
        if self.on and (INCIDENTS_TOPIC in changes or EVERYTHING in changes) and not self.app.session.locked:
            self.app.run_worker(self._listen(), group="bell", exit_on_error=False, description="looking who is meant")

    async def _listen(self) -> None:
        person, since = self.app.person, self._since
        if person is None or since is None:
            return
        try:
            fresh = await self.app.services.critical_of_mine(person, since, frozenset(self._rung))
        except Exception as error:  # noqa: BLE001 - a bell must not end the desk
            self.app.noticed(failures.shown(error, "looking for new critical incidents"))
            return
        if any(each not in self._rung for each in fresh):
            self.app.bell()
        self._rung |= dict.fromkeys(fresh)
        for old in list(self._rung)[:-REMEMBERED]:
            del self._rung[old]
