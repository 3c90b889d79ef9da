"""The tabs of the room Alerts."""

from __future__ import annotations

from pathlib import PurePath

from datapulse_tui.resources import styles_path
from datapulse_tui.tui.screens.tabbed import RoomTab, Tab

STYLES: list[str | PurePath] = [styles_path() / name for name in ("desk.tcss", "lists.tcss", "alerts.tcss")]


TABS: tuple[Tab, ...] = (
    Tab("inbox", "Inbox", "datapulse_tui.tui.screens.alerts.inbox:InboxScreen"),
    Tab("rules", "Rules", "datapulse_tui.tui.screens.rules.rules:RulesScreen"),
    Tab("snoozes", "Snoozes", "datapulse_tui.tui.screens.alerts.snoozes:SnoozesScreen"),
    Tab("channels", "Channels", "datapulse_tui.tui.screens.channels.channels:ChannelsScreen", "delivery:view"),
)


class AlertsTab(RoomTab):
    """A screen that is one tab of the room."""

    ROOM = "alerts"
    TABS = TABS
