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
TODAY, CHANNELS, CHANNEL = "today", "channels", "channel form"
ALERTS, INBOX, INCIDENT, SNOOZES, VIEWS = "alerts", "inbox", "incident", "snoozes", "saved views"
APPROVALS, QUEUE, REQUEST, REQUEST_FORM = "approvals", "queue", "request", "request form"
ABSENCES, ABSENCE = "absences", "absence form"
ADMIN = "admin"
RULES, RULE, RULE_EDITOR, BACK_TEST = "alert rules", "alert rule", "rule editor", "back-test"

KEY_NAMES = {
    "question_mark": "?", "colon": ":", "slash": "/", "exclamation_mark": "!", "escape": "esc", "pageup": "pgup",
    "pagedown": "pgdn", "up": "↑", "down": "↓", "left": "←", "right": "→", "shift+tab": "shift-tab",
    "left_square_bracket": "[", "right_square_bracket": "]", "asterisk": "*",
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
    Action("today.open", "enter", "open", "Open what the cursor is on.", TODAY, 10),
    Action("today.acknowledge", "a", "ack/approve", "Say that you have it, or approve the request.", TODAY, 12),
    Action("today.snooze", "s", "snooze", "Silence it until a time, or until it recovers.", TODAY, 14),
    Action("today.resolve", "r", "resolve/reject", "Close the incident, or reject the request; asks why.", TODAY, 16),
    Action("today.assign", "g", "assign", "Give it to somebody, or claim the request.", TODAY, 18),
    Action("today.comment", "c", "comment", "Write a comment into its timeline.", TODAY, 20),
    Action("today.undo", "u", "undo", "Take back the last thing you did here.", TODAY, 22),
    Action("today.ask", "i", "ask", "Ask the requester for information; the clock stands meanwhile.", TODAY, 23),
    Action("today.unpin", "p", "unpin", "Let the pinned metric go.", TODAY, 24),
    Action("today.why", "w", "why told", "Show why you were told, or why not.", TODAY),
    Action("today.copy", "y", "copy", "Copy its number and name.", TODAY),
    Action("today.snooze_rule", "S", "snooze rule", "Silence everything of its rule for a time.", TODAY),
    Action("today.across", "left,right,h,l", "other side", "Go to the other list.", TODAY, palette=False),
    Action("today.refresh", "R", "refresh", "Read everything again; what is settled goes away.", TODAY),
    Action("dashboards.open", "enter", "open", "Open the selected dashboard.", DASHBOARDS, 10),
    Action("dashboards.filter", "slash", "filter", "Show only what holds a text.", DASHBOARDS, 20, priority=True),
    Action("dashboards.star", "s", "star", "Star the selected dashboard, or take the star away.", DASHBOARDS, 30),
    Action("dashboards.scope_next", "right,l", "next tab", "Go to the next of all, mine, shared.", DASHBOARDS, 40),
    Action("dashboards.scope_previous", "left,h", "previous tab", "Go to the tab before.", DASHBOARDS, palette=False),
    Action("dashboards.order", "o", "order", "Order by name, or by the last change.", DASHBOARDS, 50),
    Action("dashboards.request", "n", "request access", "Ask for a dashboard that you may not open.", DASHBOARDS, 95),
    Action("dashboards.refresh", "R", "refresh", "Read the list again.", DASHBOARDS),
    Action("dashboards.clear", "escape", "clear filter", "Take the filter away.", DASHBOARDS),
    Action("dashboard.zoom", "enter", "zoom", "Show the focused widget alone: chart, table and SQL.", DASHBOARD, 10),
    Action("dashboard.time_range", "t", "time", "Choose the time range.", DASHBOARD, 20),
    Action("dashboard.variables", "v", "variables", "Change the dashboard's variables.", DASHBOARD, 30),
    Action("dashboard.refresh", "R", "refresh", "Run every query again.", DASHBOARD, 40),
    Action("dashboard.details", "exclamation_mark", "error", "Show what failed in the focused widget.", DASHBOARD, 50),
    Action("dashboard.star", "s", "star", "Star this dashboard, or take the star away.", DASHBOARD),
    Action("dashboard.request", "n", "request access", "Ask for access to this dashboard.", DASHBOARD, 95),
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
    Action("alerts.tab_next", "right,l", "next tab", "Go to the next tab of Alerts.", ALERTS, 80),
    Action("alerts.tab_previous", "left,h", "previous tab", "Go to the tab of Alerts before.", ALERTS, palette=False),
    Action("inbox.open", "enter", "open", "Open the incident: chart, timeline, deliveries, rule.", INBOX, 10),
    Action("inbox.acknowledge", "a", "ack", "Acknowledge: say that you have it.", INBOX, 12),
    Action("inbox.snooze", "s", "snooze", "Silence it until a time, or until it recovers.", INBOX, 14),
    Action("inbox.resolve", "r", "resolve", "Close it.", INBOX, 16),
    Action("inbox.assign", "g", "assign", "Give it to somebody.", INBOX, 18),
    Action("inbox.comment", "c", "comment", "Write a comment into its timeline.", INBOX, 20),
    Action("inbox.mark", "space", "mark", "Mark the row, or take the mark away; verbs do all marked ones.", INBOX, 22),
    Action("inbox.mark_all", "asterisk", "mark all", "Mark all rows that are loaded, or take all marks away.", INBOX),
    Action("inbox.undo", "u", "undo", "Take back the last thing you did here.", INBOX, 24),
    Action("inbox.filter", "slash", "filter", "Type a filter; tab completes it.", INBOX, 26, priority=True),
    Action("inbox.views", "v", "views", "Choose a saved view, or keep this filter as one.", INBOX, 28),
    Action("inbox.view_next", "right_square_bracket", "next view", "Go to the next view.", INBOX),
    Action("inbox.view_previous", "left_square_bracket", "previous view", "Go to the view before.", INBOX),
    Action("inbox.order", "o", "order", "Order by severity, newest first, or oldest first.", INBOX, 30),
    Action("inbox.why", "w", "why told", "Show why you were told, or why not.", INBOX, 32),
    Action("inbox.copy", "y", "copy", "Copy its number, name and runbook link.", INBOX, 34),
    Action("inbox.snooze_rule", "S", "snooze rule", "Silence everything of its rule for a time.", INBOX),
    Action("inbox.bell", "", "bell", "Ring the terminal for new critical incidents of yours, or stop it.", INBOX),
    Action("inbox.refresh", "R", "refresh", "Read the list again; rows that no longer belong go away.", INBOX),
    Action("inbox.clear", "escape", "clear", "Take the marks away, then the filter.", INBOX),
    Action("incident.acknowledge", "a", "ack", "Acknowledge: say that you have it.", INCIDENT, 12),
    Action("incident.snooze", "s", "snooze", "Silence it until a time, or until it recovers.", INCIDENT, 14),
    Action("incident.resolve", "r", "resolve", "Close it.", INCIDENT, 16),
    Action("incident.assign", "g", "assign", "Give it to somebody.", INCIDENT, 18),
    Action("incident.comment", "c", "comment", "Write a comment into its timeline.", INCIDENT, 20),
    Action("incident.undo", "u", "undo", "Take back the last thing you did.", INCIDENT, 24),
    Action("incident.why", "w", "why told", "Show why you were told, or why not.", INCIDENT, 26),
    Action("incident.copy", "y", "copy", "Copy its number, name and runbook link.", INCIDENT, 28),
    Action("incident.snooze_rule", "S", "snooze rule", "Silence everything of its rule for a time.", INCIDENT, 30),
    Action("incident.pin", "p", "pin", "Keep its metric in sight on Today, or let it go.", INCIDENT, 95),
    Action("incident.refresh", "R", "refresh", "Read it again.", INCIDENT),
    Action("incident.back", "escape", "back", "Go back to the list.", INCIDENT, 40),
    Action("snoozes.open", "enter", "open", "Open the incident that is silenced, or those of the rule.", SNOOZES, 10),
    Action("snoozes.extend", "e", "extend", "Let it last longer.", SNOOZES, 20),
    Action("snoozes.end", "d", "end", "End it now; what it silences can tell people again.", SNOOZES, 30),
    Action("snoozes.refresh", "R", "refresh", "Read the list again.", SNOOZES),
    Action("channels.open", "enter", "open", "Show all of it: settings, or attempts and answers.", CHANNELS, 10),
    Action("channels.new", "n", "new", "Add a channel.", CHANNELS, 12),
    Action("channels.edit", "e", "edit", "Change the channel; secrets that you leave empty stay.", CHANNELS, 14),
    Action("channels.test", "t", "test", "Send a test message now and show the channel's answer.", CHANNELS, 16),
    Action("channels.delete", "d", "delete", "Delete the channel; asks. What waits for it fails.", CHANNELS, 18),
    Action("channels.send_again", "r", "send again", "Have the failed delivery tried again.", CHANNELS, 20),
    Action("channels.send_all", "", "send all again", "Have all failed deliveries in the list tried again.", CHANNELS),
    Action("channels.filter", "f", "filter", "Show failed, waiting, held back or all deliveries.", CHANNELS, 22),
    Action("channels.across", "tab", "other list", "Go from the channels to the deliveries, and back.", CHANNELS, 24),
    Action("channels.back_across", "shift+tab", "other list", "Go back.", CHANNELS, palette=False),
    Action("channels.refresh", "R", "refresh", "Read everything again.", CHANNELS),
    Action("channel.save", "ctrl+s,f2", "save", "Save the channel.", CHANNEL, 10, priority=True),
    Action("admin.tab_next", "right,l", "next tab", "Go to the next tab of Admin.", ADMIN, 80),
    Action("admin.tab_previous", "left,h", "previous tab", "Go to the tab before.", ADMIN, palette=False),
    Action("approvals.tab_next", "right,l", "next tab", "Go to the next tab of Approvals.", APPROVALS, 80),
    Action("approvals.tab_previous", "left,h", "previous tab", "Go to the tab before.", APPROVALS, palette=False),
    Action("queue.open", "enter", "open", "Open the request: values, effect, history, comments.", QUEUE, 10),
    Action("queue.approve", "a", "approve", "Approve it as you see it; u takes that back for 10 seconds.", QUEUE, 12),
    Action("queue.reject", "r", "reject", "Reject it; asks why.", QUEUE, 14),
    Action("queue.ask", "i", "ask", "Ask its requester for information; the clock stands meanwhile.", QUEUE, 16),
    Action("queue.assign", "g", "claim", "Claim or release it, or give it to somebody else.", QUEUE, 18),
    Action("queue.comment", "c", "comment", "Write a comment into its history.", QUEUE, 20),
    Action("queue.undo", "u", "undo", "Take back the last thing you did here.", QUEUE, 22),
    Action("queue.new", "n", "new", "Make a request.", QUEUE, 24),
    Action("queue.mark", "space", "mark", "Mark the row, or take the mark away; verbs do all marked ones.", QUEUE, 26),
    Action("queue.filter", "slash", "filter", "Type a filter; tab completes it.", QUEUE, 28, priority=True),
    Action("queue.edit", "e", "edit", "Answer what was asked about your request, or change it.", QUEUE, 30),
    Action("queue.withdraw", "d", "withdraw", "Take your own request back for good; asks.", QUEUE, 32),
    Action("queue.order", "o", "order", "Order by the time left, or the newest first.", QUEUE, 34),
    Action("queue.views", "v", "views", "Choose a saved view, or keep this filter as one.", QUEUE, 36),
    Action("queue.mark_all", "asterisk", "mark all", "Mark all rows that are loaded, or take all marks away.", QUEUE),
    Action("queue.view_next", "right_square_bracket", "next view", "Go to the next view.", QUEUE),
    Action("queue.view_previous", "left_square_bracket", "previous view", "Go to the view before.", QUEUE),
    Action("queue.finish", "f", "done", "Say that what was approved, and is done by hand, is done.", QUEUE),
    Action("queue.run_again", "x", "run again", "Have the failed effect of an approval tried again.", QUEUE),
    Action("queue.copy", "y", "copy", "Copy its number and subject.", QUEUE),
    Action("queue.refresh", "R", "refresh", "Read the list again; rows that no longer belong go away.", QUEUE),
    Action("queue.clear", "escape", "clear", "Take the marks away, then the filter.", QUEUE),
    Action("request.approve", "a", "approve", "Approve it as you see it; u takes it back for 10 seconds.", REQUEST, 12),
    Action("request.reject", "r", "reject", "Reject it; asks why.", REQUEST, 14),
    Action("request.ask", "i", "ask", "Ask its requester for information; the clock stands meanwhile.", REQUEST, 16),
    Action("request.assign", "g", "claim", "Claim or release it, or give it to somebody else.", REQUEST, 18),
    Action("request.comment", "c", "comment", "Write a comment into its history.", REQUEST, 20),
    Action("request.undo", "u", "undo", "Take back the last thing you did.", REQUEST, 22),
    Action("request.edit", "e", "edit", "Answer what was asked about your request, or change it.", REQUEST, 24),
    Action("request.withdraw", "d", "withdraw", "Take your own request back for good; asks.", REQUEST, 26),
    Action("request.finish", "f", "done", "Say that what was approved, and is done by hand, is done.", REQUEST, 28),
    Action("request.run_again", "x", "run again", "Have the failed effect of an approval tried again.", REQUEST, 30),
    Action("request.copy", "y", "copy", "Copy its number and subject.", REQUEST),
    Action("request.refresh", "R", "refresh", "Read it again.", REQUEST),
    Action("request.back", "escape", "back", "Go back to the list.", REQUEST, 40),
    Action("request_form.send", "ctrl+s,f2", "send", "Send it to those who decide.", REQUEST_FORM, 10, priority=True),
    Action("request_form.back", "escape", "back", "Leave; asks when something was written.", REQUEST_FORM, 20),
    Action("absences.new", "n", "new", "Name a substitute for the time of an absence.", ABSENCES, 10),
    Action("absences.end", "d", "end", "End it now; asks. What was decided stays.", ABSENCES, 12),
    Action("absences.over", "v", "past ones", "Show those that are over as well, or not.", ABSENCES, 14),
    Action("absences.refresh", "R", "refresh", "Read the list again.", ABSENCES),
    Action("absence.save", "ctrl+s,f2", "save", "Have somebody stand in; both are told.", ABSENCE, 10, priority=True),
    Action("absence.back", "escape", "back", "Leave without changing anything.", ABSENCE, 20),
    Action("views.pick", "enter", "choose", "Show what the view holds.", VIEWS, palette=False),
    Action("views.keep", "n", "keep filter", "Keep the filter of now under a name.", VIEWS, palette=False),
    Action("views.rename", "e", "rename", "Give the view another name.", VIEWS, palette=False),
    Action("views.delete", "d", "delete", "Delete the view; what is in it stays.", VIEWS, palette=False),
    Action("rules.open", "enter", "open", "Open the rule: its series, whom it tells, what it found.", RULES, 10),
    Action("rules.new", "n", "new", "Make a rule.", RULES, 12),
    Action("rules.edit", "e", "edit", "Change the rule.", RULES, 14),
    Action("rules.copy", "C", "copy", "Make a rule like this one; the copy starts paused.", RULES, 16),
    Action("rules.pause", "p", "pause", "Pause the rule, or let it go on.", RULES, 18),
    Action("rules.delete", "d", "delete", "Delete the rule; asks. Its incidents stay in the history.", RULES, 20),
    Action("rules.filter", "slash", "filter", "Show only rules that hold a text.", RULES, 22, priority=True),
    Action("rules.order", "o", "order", "Order by name, or by what needs you first.", RULES, 24),
    Action("rules.details", "exclamation_mark", "error", "Show what went wrong with the rule, whole.", RULES, 26),
    Action("rules.refresh", "R", "refresh", "Read the list again.", RULES),
    Action("rules.clear", "escape", "clear filter", "Take the filter away.", RULES),
    Action("rule.edit", "e", "edit", "Change the rule.", RULE, 10),
    Action("rule.back_test", "b", "back-test", "Show when it would have fired.", RULE, 12),
    Action("rule.copy", "C", "copy", "Make a rule like this one; the copy starts paused.", RULE, 14),
    Action("rule.pause", "p", "pause", "Pause the rule, or let it go on.", RULE, 16),
    Action("rule.delete", "d", "delete", "Delete the rule; asks. Its incidents stay in the history.", RULE, 18),
    Action("rule.open", "enter", "open", "Open the incident under the cursor.", RULE),
    Action("rule.next_view", "tab", "next view", "Go on to the incidents, to what it is about.", RULE, 22),
    Action("rule.previous_view", "shift+tab", "previous view", "Go back one view.", RULE, palette=False),
    Action("rule.details", "exclamation_mark", "error", "Show what went wrong with the rule, whole.", RULE, 20),
    Action("rule.pin", "P", "pin", "Keep the series in sight on Today, or let it go.", RULE, 95),
    Action("rule.refresh", "R", "refresh", "Read it again.", RULE),
    Action("rule.back", "escape", "back", "Go back to the list.", RULE, 30),
    Action("editor.save", "ctrl+s,f2", "save", "Save the rule.", RULE_EDITOR, 10),
    Action("editor.preview", "f5,ctrl+r", "run", "Run the query: its rows, columns and series.", RULE_EDITOR, 12),
    Action("editor.back_test", "f6,ctrl+t", "back-test", "Show when it would have fired.", RULE_EDITOR, 14),
    Action("editor.start_over", "", "start over", "Throw the draft away; begin with what is saved.", RULE_EDITOR),
    Action("editor.back", "escape", "back", "Leave; asks while something is not saved.", RULE_EDITOR, 16),
    Action("back_test.days_next", "right,l", "more days", "Look further back.", BACK_TEST, 10),
    Action("back_test.days_previous", "left,h", "fewer days", "Look less far back.", BACK_TEST, palette=False),
    Action("back_test.view", "tab", "next view", "Go on to the what-if table, the series.", BACK_TEST, 20),
    Action("back_test.view_previous", "shift+tab", "previous view", "Go back one view.", BACK_TEST, palette=False),
    Action("back_test.refresh", "R", "run again", "Run it again up to now.", BACK_TEST, 30),
    Action("back_test.back", "escape", "back", "Go back; what still runs is cancelled.", BACK_TEST, 40),
    Action("table.left", "left,h", "left", "Show the columns further left.", TABLE, palette=False),
    Action("table.right", "right,l", "right", "Show the columns further right.", TABLE, palette=False),
    Action("text.up", "up,k", "up", "Scroll one line up.", TEXT, palette=False),
    Action("text.down", "down,j", "down", "Scroll one line down.", TEXT, palette=False),
    Action("text.page_up", "pageup,ctrl+b", "page up", "Scroll one page up.", TEXT, palette=False),
    Action("text.page_down", "pagedown,ctrl+f,space", "page down", "Scroll one page down.", TEXT, palette=False),
    Action("form.next", "tab", "next", "Go to the next field or button.", FORM, palette=False),
    Action("form.previous", "shift+tab", "previous", "Go to the field or button before.", FORM, palette=False),
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
