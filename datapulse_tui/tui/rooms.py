"""The rooms that exist, by their digit. A room that is not built yet has no entry and is shown nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from datapulse_tui.tui import keymap

if TYPE_CHECKING:
    from datapulse_tui.tui.screens.base import DeskScreen
    from datapulse_tui.tui.screens.tabbed import Tab
    from datapulse_tui.tui.services import Person


def _no_tabs() -> tuple[Tab, ...]:
    return ()


class Room(NamedTuple):
    """A screen that a digit opens. `make` imports its screen only when it is called.

    Who has none of `needs` is not shown the room. `tabs` are those that are screens of their own.
    """

    id: str
    digit: str
    label: str
    help: str
    make: Callable[[Person], DeskScreen]
    needs: frozenset[str] = frozenset()
    tabs: Callable[[], tuple[Tab, ...]] = _no_tabs

    def open_to(self, person: Person) -> bool:
        """Whether the person may go there: with any of the permissions that it `needs`."""
        return not self.needs or any(person.actor.can(each) for each in self.needs)


def _today(_person: Person) -> DeskScreen:
    from datapulse_tui.tui.screens.today.today import TodayScreen

    return TodayScreen()


def _dashboards(_person: Person) -> DeskScreen:
    from datapulse_tui.tui.screens.dashboards import DashboardsScreen

    return DashboardsScreen()


def _alerts(_person: Person) -> DeskScreen:
    from datapulse_tui.tui.screens.alerts.inbox import InboxScreen

    return InboxScreen()


def _approvals(_person: Person) -> DeskScreen:
    from datapulse_tui.tui.screens.approvals.queue import QueueScreen

    return QueueScreen()


def _alerts_tabs() -> tuple[Tab, ...]:
    from datapulse_tui.tui.screens.alerts.tabs import TABS

    return TABS


def _admin_tabs() -> tuple[Tab, ...]:
    from datapulse_tui.tui.screens.admin.tabs import TABS

    return TABS


def _admin(person: Person) -> DeskScreen:
    from datapulse_tui.tui.screens.tabbed import tabs_for

    return tabs_for(_admin_tabs(), person)[0].make()


ADMIN = frozenset({"user:view", "role:view", "apikey:manage", "audit:view", "health:view"})

ROOMS: tuple[Room, ...] = (
    Room("today", "1", "Today", "What needs you now, your pinned metrics, and what went wrong.", _today),
    Room("dashboards", "2", "Dashboards", "Your dashboards, those shared with you, and the public ones.", _dashboards),
    Room(
        "alerts",
        "3",
        "Alerts",
        "Incidents, the rules that open them, and what is silenced.",
        _alerts,
        tabs=_alerts_tabs,
    ),
    Room("approvals", "4", "Approvals", "Requests that wait for you, your own, and what was decided.", _approvals),
    Room(
        "admin",
        "8",
        "Admin",
        "People, roles, departments, keys, the audit trail and health.",
        _admin,
        ADMIN,
        _admin_tabs,
    ),
)

keymap.register(
    keymap.Action(f"room.{room.id}", room.digit, room.label, f"Go to {room.label}: {room.help}", keymap.APP)
    for room in ROOMS
)


def room(room_id: str) -> Room:
    """The room called `room_id`; StopIteration never happens for an id taken from ROOMS."""
    return next(each for each in ROOMS if each.id == room_id)


def first_room() -> Room:
    """Where the desk opens."""
    return ROOMS[0]
