"""One registry: what it says is what the screens do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from datapulse_tui.tui import keymap, rooms
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.screens.account.account import AccountScreen
from datapulse_tui.tui.screens.account.form import AccountFormScreen
from datapulse_tui.tui.screens.admin.audit import AuditScreen
from datapulse_tui.tui.screens.admin.audit_record import RecordScreen
from datapulse_tui.tui.screens.admin.choosing import ChoosePeople
from datapulse_tui.tui.screens.admin.departments import DepartmentFormScreen, DepartmentScreen, DepartmentsScreen
from datapulse_tui.tui.screens.admin.health import HealthScreen
from datapulse_tui.tui.screens.admin.key_forms import AddSshKeyScreen, ApiKeyFormScreen, KeyShownScreen, RotateScreen
from datapulse_tui.tui.screens.admin.keys import KeysScreen
from datapulse_tui.tui.screens.admin.my_keys import MyKeysScreen
from datapulse_tui.tui.screens.admin.people import PeopleScreen
from datapulse_tui.tui.screens.admin.people_import import ImportScreen
from datapulse_tui.tui.screens.admin.person import PersonScreen
from datapulse_tui.tui.screens.admin.person_form import PersonForm
from datapulse_tui.tui.screens.admin.role_form import RoleFormScreen
from datapulse_tui.tui.screens.admin.roles import RoleScreen, RolesScreen
from datapulse_tui.tui.screens.admin.tabs import AdminTab
from datapulse_tui.tui.screens.alerts.inbox import InboxScreen
from datapulse_tui.tui.screens.alerts.incident import IncidentScreen
from datapulse_tui.tui.screens.alerts.snoozes import SnoozesScreen
from datapulse_tui.tui.screens.alerts.tabs import AlertsTab
from datapulse_tui.tui.screens.alerts.views import ViewsScreen
from datapulse_tui.tui.screens.approvals.absence import AbsenceScreen
from datapulse_tui.tui.screens.approvals.absences import AbsencesScreen
from datapulse_tui.tui.screens.approvals.queue import QueueScreen
from datapulse_tui.tui.screens.approvals.request import RequestScreen
from datapulse_tui.tui.screens.approvals.request_form import RequestFormScreen
from datapulse_tui.tui.screens.approvals.tabs import ApprovalsTab
from datapulse_tui.tui.screens.channels.channels import ChannelsScreen
from datapulse_tui.tui.screens.channels.form import ChannelScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen, Dialog
from datapulse_tui.tui.screens.dashboard import DashboardScreen
from datapulse_tui.tui.screens.dashboards import DashboardsScreen
from datapulse_tui.tui.screens.rules.back_test import BackTestScreen
from datapulse_tui.tui.screens.rules.rule import RuleScreen
from datapulse_tui.tui.screens.rules.rule_editor import RuleEditorScreen
from datapulse_tui.tui.screens.rules.rules import RulesScreen
from datapulse_tui.tui.screens.sign_in import AcceptScreen, MustChangeScreen, SignInScreen
from datapulse_tui.tui.screens.start import StartScreen
from datapulse_tui.tui.screens.today.today import TodayScreen
from datapulse_tui.tui.screens.zoom import ZoomScreen
from datapulse_tui.tui.widgets.pane import Pane
from datapulse_tui.tui.widgets.result_table import ResultTable
from datapulse_tui.tui.widgets.rows import RowList

DOERS = {
    keymap.APP: (DataPulseApp,),
    keymap.START: (StartScreen,),
    keymap.SIGN_IN: (SignInScreen,),
    keymap.ENTRY: (AcceptScreen, MustChangeScreen),
    keymap.ACCOUNT: (AccountScreen,),
    keymap.ACCOUNT_FORM: (AccountFormScreen,),
    keymap.LIST: (RowList, ResultTable),
    keymap.FORM: (Dialog,),
    keymap.QUESTION: (ConfirmScreen,),
    keymap.TODAY: (TodayScreen,),
    keymap.DASHBOARDS: (DashboardsScreen,),
    keymap.DASHBOARD: (DashboardScreen,),
    keymap.ZOOM: (ZoomScreen,),
    keymap.RULES: (RulesScreen,),
    keymap.RULE: (RuleScreen,),
    keymap.RULE_EDITOR: (RuleEditorScreen,),
    keymap.BACK_TEST: (BackTestScreen,),
    keymap.TABLE: (ResultTable,),
    keymap.TEXT: (Pane,),
    keymap.ALERTS: (AlertsTab,),
    keymap.INBOX: (InboxScreen,),
    keymap.INCIDENT: (IncidentScreen,),
    keymap.SNOOZES: (SnoozesScreen,),
    keymap.VIEWS: (ViewsScreen,),
    keymap.APPROVALS: (ApprovalsTab,),
    keymap.QUEUE: (QueueScreen,),
    keymap.REQUEST: (RequestScreen,),
    keymap.REQUEST_FORM: (RequestFormScreen,),
    keymap.ABSENCES: (AbsencesScreen,),
    keymap.ABSENCE: (AbsenceScreen,),
    keymap.CHANNELS: (ChannelsScreen,),
    keymap.PEOPLE: (PeopleScreen,),
    keymap.PERSON: (PersonScreen,),
    keymap.PERSON_FORM: (PersonForm,),
    keymap.IMPORT: (ImportScreen,),
    keymap.CHANNEL: (ChannelScreen,),
    keymap.ADMIN: (AdminTab,),
    keymap.AUDIT: (AuditScreen,),
    keymap.AUDIT_RECORD: (RecordScreen,),
    keymap.HEALTH: (HealthScreen,),
    keymap.ROLES: (RolesScreen,),
    keymap.ROLE: (RoleScreen,),
    keymap.ROLE_FORM: (RoleFormScreen,),
    keymap.DEPARTMENTS: (DepartmentsScreen,),
    keymap.DEPARTMENT: (DepartmentScreen,),
    keymap.GROUP_FORM: (ChoosePeople, DepartmentFormScreen),
    keymap.KEYS: (KeysScreen,),
    keymap.MY_KEYS: (MyKeysScreen,),
    keymap.KEY_FORM: (ApiKeyFormScreen,),
    keymap.KEY_SHOWN: (KeyShownScreen,),
    keymap.KEY_SAVE: (RotateScreen, AddSshKeyScreen),
}


@pytest.mark.parametrize("action", keymap.actions(), ids=lambda action: action.id)
def test_every_action_has_somebody_who_does_it(action: keymap.Action) -> None:
    if not action.id.startswith("room."):
        assert all(hasattr(doer, action.method) for doer in DOERS[action.place])
    assert action.help.endswith(".")


@pytest.mark.parametrize("place", DOERS)
def test_no_key_means_two_things_in_one_place(place: str) -> None:
    keys = [key for action in keymap.actions(place) for key in action.keys.split(",") if key]
    assert len(keys) == len(set(keys))


def test_no_action_hides_behind_keys_that_do_not_arrive_everywhere() -> None:
    for action in keymap.actions():
        keys = [key for key in action.keys.split(",") if key]
        rare = [key for key in keys if key in ("ctrl+enter", "ctrl+h", "ctrl+i", "ctrl+m") or key.startswith("alt+")]
        assert not keys or len(rare) < len(keys), action.id


def test_bindings_carry_ids_and_help_for_remapping() -> None:
    for binding in keymap.bindings(keymap.DASHBOARDS):
        assert binding.id
        assert binding.tooltip
        assert binding.action == f"do({binding.id!r})"


def test_the_documentation_names_every_action_and_room() -> None:
    table = keymap.markdown_table()
    assert all(f"`{action.id}`" in table for action in keymap.actions())
    assert all(room.label in table for room in rooms.ROOMS)
    assert "`/`" in table


def test_unknown_ids_of_a_keymap_are_found() -> None:
    assert keymap.unknown_ids({"list.up": "w", "list.pu": "x"}) == ["list.pu"]


def test_the_first_paint_imports_nothing_heavy() -> None:
    code = "import sys, datapulse_tui.tui.app, datapulse_tui.tui.screens.start; print(' '.join(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"sqlalchemy", "psycopg", "pydantic", "duckdb", "sqlglot", "plotext", "httpx", "procrastinate", "alembic"}
    heavy |= {"aiohttp", "cryptography", "bcrypt", "PIL", "typer", "yaml", "ruamel"}
    assert not heavy.intersection(name.partition(".")[0] for name in found)
