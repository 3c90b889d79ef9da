"""The one registry of actions: it makes the bindings, the footer, the help screen, the palette and the documentation.

A screen or widget carries out the action `room.verb` in its method `do_verb`, and says in `why_not` when it cannot.
What the first paint needs is made of named tuples: each frozen dataclass would cost it a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from textual.binding import Binding, BindingType

APP, START, LIST, FORM, DASHBOARDS, DASHBOARD, ZOOM, TABLE, TEXT = (
    "everywhere",
    "start",
    "lists",
    "dialogs",
    "dashboards",
    "dashboard",
    "widget",
    "tables",
    "long texts",
)

KEY_NAMES = {
    "question_mark": "?", "colon": ":", "slash": "/", "exclamation_mark": "!", "escape": "esc", "pageup": "pgup",
    "pagedown": "pgdn", "up": "↑", "down": "↓", "left": "←", "right": "→", "shift+tab": "shift-tab",
}  # fmt: skip


class Action(NamedTuple):
    """One thing that a key, the palette or the mouse can start.

    `keys` are the default keys in Textual's names, separated by commas; empty means palette only. `help` is one
    sentence. `place` is where it applies. `footer` is its rank in the footer (0: not shown there).
    `priority` is for keys that open an input: what is typed ahead then lands in it.
    """

    id: str
    keys: str
    label: str
    help: str
    place: str
    footer: int = 0
    palette: bool = True
    priority: bool = False

    @property
    def method(self) -> str:
        """The method that carries it out."""
        return f"do_{self.id.rpartition('.')[2]}"


ACTIONS: tuple[Action, ...] = (
    Action("app.help", "question_mark,f1", "help", "Show the keys that work here and what the screen is for.", APP, 90),
    Action("app.palette", "colon,ctrl+p", "palette", "Find what can be done now by its name.", APP, 91, priority=True),
    Action("app.lock", "L", "lock", "Hide everything until you give your password.", APP),
    Action("app.repaint", "ctrl+l", "repaint", "Send the whole screen again, if something wrote over it.", APP),
    Action("app.sign_out", "", "sign out", "End this session and go back to the sign-in.", APP),
    Action("app.quit", "q,ctrl+q", "quit", "Leave DataPulse; asks while a change is still on its way.", APP),
    Action("app.next", "tab", "next", "Go to the next field or widget.", APP, palette=False),
    Action("app.previous", "shift+tab", "previous", "Go to the field or widget before.", APP, palette=False),
    Action("app.interrupt", "ctrl+c", "copy", "Copy what the mouse selected, or say how to leave.", APP, palette=False),
    Action("start.retry", "R,enter", "try again", "Try to reach the database again now.", START, 10),
    Action("start.upgrade", "u", "upgrade", "Bring the database's schema up to date.", START, 20),
    Action("list.up", "up,k", "up", "Move one row up.", LIST, palette=False),
    Action("list.down", "down,j", "down", "Move one row down.", LIST, palette=False),
    Action("list.page_up", "pageup,ctrl+b", "page up", "Move one page up.", LIST, palette=False),
    Action("list.page_down", "pagedown,ctrl+f", "page down", "Move one page down.", LIST, palette=False),
    Action("list.first", "home", "first", "Go to the first row.", LIST, palette=False),
    Action("list.last", "end,G", "last", "Go to the last row that is loaded.", LIST, palette=False),
    Action("dashboards.open", "enter", "open", "Open the selected dashboard.", DASHBOARDS, 10),
    Action("dashboards.filter", "slash", "filter", "Show only what holds a text.", DASHBOARDS, 20, priority=True),
    Action("dashboards.star", "s", "star", "Star the selected dashboard, or take the star away.", DASHBOARDS, 30),
    Action("dashboards.scope_next", "right,l", "next tab", "Go to the next of all, mine, shared.", DASHBOARDS, 40),
    Action("dashboards.scope_previous", "left,h", "previous tab", "Go to the tab before.", DASHBOARDS, palette=False),
    Action("dashboards.order", "o", "order", "Order by name, or by the last change.", DASHBOARDS, 50),
    Action("dashboards.refresh", "R", "refresh", "Read the list again.", DASHBOARDS),
    Action("dashboards.clear", "escape", "clear filter", "Take the filter away.", DASHBOARDS),
    Action("dashboard.zoom", "enter", "zoom", "Show the focused widget alone: chart, table and SQL.", DASHBOARD, 10),
    Action("dashboard.time_range", "t", "time", "Choose the time range.", DASHBOARD, 20),
    Action("dashboard.variables", "v", "variables", "Change the dashboard's variables.", DASHBOARD, 30),
    Action("dashboard.refresh", "R", "refresh", "Run every query again.", DASHBOARD, 40),
    Action("dashboard.details", "exclamation_mark", "error", "Show what failed in the focused widget.", DASHBOARD, 50),
    Action("dashboard.star", "s", "star", "Star this dashboard, or take the star away.", DASHBOARD),
    Action("dashboard.back", "escape", "back", "Go back; what still runs is cancelled.", DASHBOARD, 60),
    Action("dashboard.up", "up,k", "up", "Focus the widget above.", DASHBOARD, palette=False),
    Action("dashboard.down", "down,j", "down", "Focus the widget below.", DASHBOARD, palette=False),
    Action("dashboard.left", "left,h", "left", "Focus the widget on the left.", DASHBOARD, palette=False),
    Action("dashboard.right", "right,l", "right", "Focus the widget on the right.", DASHBOARD, palette=False),
    Action("zoom.next_view", "tab", "next view", "Go on to the table, the SQL, the chart.", ZOOM, 10),
    Action("zoom.previous_view", "shift+tab", "previous view", "Go back one view.", ZOOM, palette=False),
    Action("zoom.refresh", "R", "refresh", "Run the query again.", ZOOM, 20),
    Action("zoom.copy", "y", "copy", "Copy the SQL, or the row under the cursor, to your clipboard.", ZOOM, 30),
    Action("zoom.details", "exclamation_mark", "error", "Show what failed.", ZOOM, 40),
    Action("zoom.back", "escape", "back", "Go back to the dashboard.", ZOOM, 50),
    Action("table.left", "left,h", "left", "Show the columns further left.", TABLE, palette=False),
    Action("table.right", "right,l", "right", "Show the columns further right.", TABLE, palette=False),
    Action("text.up", "up,k", "up", "Scroll one line up.", TEXT, palette=False),
    Action("text.down", "down,j", "down", "Scroll one line down.", TEXT, palette=False),
    Action("text.page_up", "pageup,ctrl+b", "page up", "Scroll one page up.", TEXT, palette=False),
    Action("text.page_down", "pagedown,ctrl+f,space", "page down", "Scroll one page down.", TEXT, palette=False),
    Action("form.cancel", "escape", "cancel", "Leave without changing anything.", FORM, 20, palette=False),
)  # fmt: skip

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
