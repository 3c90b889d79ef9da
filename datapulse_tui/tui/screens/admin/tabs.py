"""The tabs of the room Admin."""

from __future__ import annotations

from pathlib import PurePath

from datapulse_tui.resources import styles_path
from datapulse_tui.tui.screens.tabbed import RoomTab, Tab

STYLES: list[str | PurePath] = [
    styles_path() / name for name in ("desk.tcss", "lists.tcss", "sheets.tcss", "admin.tcss")
]

TABS: tuple[Tab, ...] = (
    Tab("people", "People", "datapulse_tui.tui.screens.admin.people:PeopleScreen", "user:view"),
    Tab("roles", "Roles", "datapulse_tui.tui.screens.admin.roles:RolesScreen", "role:view"),
    Tab("departments", "Departments", "datapulse_tui.tui.screens.admin.departments:DepartmentsScreen", "user:view"),
    Tab("keys", "Keys", "datapulse_tui.tui.screens.admin.keys:KeysScreen", "apikey:manage"),
    Tab("audit", "Audit", "datapulse_tui.tui.screens.admin.audit:AuditScreen", "audit:view"),
    Tab("health", "Health", "datapulse_tui.tui.screens.admin.health:HealthScreen", "health:view"),
)


class AdminTab(RoomTab):
    """A screen that is one tab of the room."""

    ROOM = "admin"
    TABS = TABS
