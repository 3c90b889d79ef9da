"""The one registry of actions: it makes the bindings, the footer, the help screen, the palette and the documentation.

A screen or widget carries out the action `room.verb` in its method `do_verb`, and says in `why_not` when it cannot. The
table itself is in `keymap_actions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from textual.binding import Binding, BindingType

from datapulse_tui.tui.keymap_actions import (
    ABSENCE,
    ABSENCES,
    ACCOUNT,
    ACCOUNT_FORM,
    ACTIONS,
    ADMIN,
    ALERTS,
    APP,
    APPROVALS,
    AUDIT,
    AUDIT_RECORD,
    BACK_TEST,
    CHANNEL,
    CHANNELS,
    DASHBOARD,
    DASHBOARDS,
    DEPARTMENT,
    DEPARTMENTS,
    ENTRY,
    FORM,
    GROUP_FORM,
    HEALTH,
    IMPORT,
    INBOX,
    INCIDENT,
    KEY_FORM,
    KEY_SAVE,
    KEY_SHOWN,
    KEYS,
    LIST,
    MY_KEYS,
    PEOPLE,
    PERSON,
    PERSON_FORM,
    QUESTION,
    QUEUE,
    REQUEST,
    REQUEST_FORM,
    ROLE,
    ROLE_FORM,
    ROLES,
    RULE,
    RULE_EDITOR,
    RULES,
    SIGN_IN,
    SNOOZES,
    START,
    TABLE,
    TEXT,
    TODAY,
    VIEWS,
    ZOOM,
    Action,
)  # fmt: skip

__all__ = [
    "ABSENCE", "ABSENCES", "ACCOUNT", "ACCOUNT_FORM", "ACTIONS", "ADMIN", "ALERTS", "APP", "APPROVALS", "AUDIT",
    "AUDIT_RECORD", "BACK_TEST", "CHANNEL", "CHANNELS", "DASHBOARD", "DASHBOARDS", "DEPARTMENT", "DEPARTMENTS",
    "ENTRY", "FORM", "GROUP_FORM", "HEALTH", "IMPORT", "INBOX", "INCIDENT", "KEYS", "KEY_FORM", "KEY_NAMES",
    "KEY_SAVE", "KEY_SHOWN", "LIST", "MY_KEYS", "PEOPLE", "PERSON", "PERSON_FORM", "QUESTION", "QUEUE", "REQUEST",
    "REQUEST_FORM", "ROLE", "ROLES", "ROLE_FORM", "RULE", "RULES", "RULE_EDITOR", "SIGN_IN", "SNOOZES", "START",
    "TABLE", "TEXT", "TODAY", "VIEWS", "ZOOM", "Action", "action", "actions", "bindings", "footer_actions", "key_names",
    "markdown_table", "register", "unknown_ids",
]  # fmt: skip

KEY_NAMES = {
    "question_mark": "?", "colon": ":", "slash": "/", "exclamation_mark": "!", "escape": "esc", "pageup": "pgup",
    "pagedown": "pgdn", "up": "↑", "down": "↓", "left": "←", "right": "→", "shift+tab": "shift-tab",
    "left_square_bracket": "[", "right_square_bracket": "]", "asterisk": "*",
}  # fmt: skip

_BY_ID = {action.id: action for action in ACTIONS}


def register(actions: Iterable[Action]) -> None:
    """Add actions (a room's digit). Called while modules load, before anything is shown."""
    _BY_ID.update({action.id: action for action in actions})


def action(action_id: str) -> Action:
    """The action called `action_id`; KeyError for one that nobody registered."""
    return _BY_ID[action_id]


def actions(place: str | None = None) -> list[Action]:
    """All actions, or those of one place, in the order in which they were registered."""
    return [each for each in _BY_ID.values() if place in (None, each.place)]


def bindings(place: str) -> list[BindingType]:
    """Textual's bindings for a place. The ids let `App.set_keymap` remap them; the tooltip is the help."""
    return [
        Binding(
            each.keys,
            f"do({each.id!r})",
            each.label,
            id=each.id,
            tooltip=each.help,
            show=bool(each.footer),
            priority=each.priority,
        )
        for each in actions(place)
        if each.keys
    ]


@cache
def _key_name(key: str) -> str:
    if key in KEY_NAMES:
        return KEY_NAMES[key]
    if key.startswith("ctrl+"):
        return f"^{key.removeprefix('ctrl+')}"
    return key


def key_names(each: Action, keymap: Mapping[str, str] | None = None) -> list[str]:
    """The keys of an action as people read them, after the user's own keymap."""
    keys = (keymap or {}).get(each.id) or each.keys
    return [_key_name(key.strip()) for key in keys.split(",") if key.strip()]


def footer_actions(places: Iterable[str]) -> list[Action]:
    """What the footer offers in these places, the most useful first."""
    wanted = set(places)
    shown = [each for each in _BY_ID.values() if each.footer and each.place in wanted]
    return sorted(shown, key=lambda each: each.footer)


def unknown_ids(keymap: Mapping[str, str]) -> list[str]:
    """The ids of a user's keymap that no action has: they are told, so that a typing error does not go unseen."""
    return sorted(set(keymap) - set(_BY_ID))


def markdown_table() -> str:
    """The table of keys for the documentation."""
    rows = ["| where | keys | action | id | what it does |", "|---|---|---|---|---|"]
    for each in _BY_ID.values():
        keys = " ".join(f"`{name}`" for name in key_names(each)) or "palette"
        rows.append(f"| {each.place} | {keys} | {each.label} | `{each.id}` | {each.help} |")
    return "\n".join(rows) + "\n"
