"""The tabs of the room Alerts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple, cast

from datapulse_tui.resources import styles_path
from datapulse_tui.tui.screens.tabbed import TabbedScreen

if TYPE_CHECKING:
    from datapulse_tui.tui.screens.base import DeskScreen
    from datapulse_tui.tui.services import Person

STYLES: list[str | PurePath] = [styles_path() / name for name in ("desk.tcss", "lists.tcss", "alerts.tcss")]


class Tab(NamedTuple):
    """A screen of the room. `screen` is its class as `module:name`; without `permission` nobody sees the tab."""

    id: str
    label: str
    screen: str
    permission: str = ""

    def make(self) -> DeskScreen:
        """The screen; its module is imported only now."""
        module, _, name = self.screen.partition(":")
        return cast("DeskScreen", getattr(import_module(module), name)())


TABS: tuple[Tab, ...] = (
    Tab("inbox", "Inbox", "datapulse_tui.tui.screens.alerts.inbox:InboxScreen"),
    Tab("rules", "Rules", "datapulse_tui.tui.screens.rules.rules:RulesScreen"),
    Tab("snoozes", "Snoozes", "datapulse_tui.tui.screens.alerts.snoozes:SnoozesScreen"),
    Tab("channels", "Channels", "datapulse_tui.tui.screens.channels.channels:ChannelsScreen", "delivery:view"),
)


def tabs_for(person: Person | None) -> list[Tab]:
    """The tabs that this person has."""
    return [each for each in TABS if person is not None and (not each.permission or person.actor.can(each.permission))]


class AlertsTab(TabbedScreen):
    """A screen that is one tab of the room."""

    ROOM = "alerts"

    def tabs(self) -> Sequence[tuple[str, str]]:
        return [(each.id, each.label) for each in tabs_for(self.desk.person)]

    def open_tab(self, tab: str) -> None:
        self.desk.session.show(next(each for each in TABS if each.id == tab).make())
