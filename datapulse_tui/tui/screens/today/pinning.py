"""Pinning a metric to Today, from wherever one is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from datapulse_tui.tui.screens.base import DeskScreen

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person


class Pins(DeskScreen):
    """A screen on which metrics can be pinned: it answers `pinnable` and has an action whose verb is `pin`."""

    def pinnable(self) -> tuple[int, str] | None:
        """The series that would be pinned, and its name; None when there is none."""
        raise NotImplementedError

    def why_not_pin(self) -> str:
        """Why nothing can be pinned now; empty when something can."""
        if self.desk.person is not None and self.desk.person.actor.user_id is None:
            return "Only a person has pinned metrics."
        return "" if self.pinnable() else "There is no metric here to pin."

    def do_pin(self) -> None:
        metric = self.pinnable()
        if metric is not None:
            pin(self, *metric)


def pin(screen: DeskScreen, series_id: int, name: str, done: Callable[[], None] = lambda: None) -> None:
    """Keep a metric in sight on Today, or let it go, and say which."""
    services, now = screen.desk.services, [False]

    async def work(person: Person) -> None:
        now[0] = await services.pin(person, series_id)

    def saved() -> None:
        screen.desk.say(f"{name} is {'pinned to Today' if now[0] else 'no longer on Today'}.")
        done()

    screen.desk.session.save("pinning a metric", work, done=saved)
