"""People in words: the cells of a row, and the paragraphs of the detail. Pure; `now` and the zone are arguments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.charts.cells import clean, crop
from datapulse_tui.people.rules import Role, Status, role_in_words
from datapulse_tui.tui.screens.alerts.words import clock
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.choice_list import Option
from datapulse_tui.tui.widgets.pane import Item, Kind
from datapulse_tui.tui.widgets.rows import Tone

if TYPE_CHECKING:
    from datapulse_tui.people.invitations import Invited
    from datapulse_tui.people.views import PersonDetail, PersonRow, RecordRow
    from datapulse_tui.tui.screens.acting import Outcome

NOBODY_HAS = "Nothing that would need somebody else."
ROLES = tuple(
    Option(role.value, role_in_words(role.value), about)
    for role, about in (
        (Role.BUSINESS_USER, "views what is shared with them, makes requests"),
        (Role.ANALYST, "also queries sources and makes dashboards"),
        (Role.OPS_MANAGER, "also makes rules, triages everything, decides requests"),
        (Role.ADMIN, "everything"),
    )
)
SHORT = 40  # cells of a changed value
SAID_OF = 3  # changed fields that a line of the history names


def status_of(row: PersonRow) -> tuple[str, Tone]:
    """How an account stands: a sign with a word, and its tone."""
    if row.status == Status.INACTIVE:
        return "○ inactive", "dim"
    if row.locked_until is not None:
        return "▲ locked", "warning"
    if row.status == Status.PENDING:
        return ("… invited", "accent") if row.invited_until is not None else ("… pending", "accent")
    return "✓ active", "good"


def head(row: PersonRow, now: datetime, zone: ZoneInfo) -> list[Item]:
    """What a list knows of a person."""
    words, tone = status_of(row)
    mood: Kind = "critical" if tone == "warning" else "text"
    items = [Item("title", row.name), Item(mood, f"{words} · {role_in_words(row.role)}"), Item("gap")]
    facts = [
        ("e-mail", row.email),
        ("department", row.department or "none"),
        ("custom roles", ", ".join(row.custom_roles)),
        ("last seen", _when(row.last_login, now, zone) if row.last_login else "has not signed in yet"),
        ("locked", f"until {full_time(row.locked_until, zone)}; U lets them try again" if row.locked_until else ""),
        ("invited", f"the code is good until {full_time(row.invited_until, zone)}" if row.invited_until else ""),
        ("password", "" if row.has_password else "none yet"),
        ("phone", f"{row.phone} (SMS go there)" if row.phone else ""),
        ("time zone", row.zone),
        ("added", _when(row.created_at, now, zone)),
    ]
    return items + [Item("fact", text, label) for label, text in facts if text]


def whole(view: PersonDetail, now: datetime, zone: ZoneInfo) -> list[Item]:
    """All of a person."""
    row = view.row
    items = head(row, now, zone)
    facts = [
        ("deactivated", _when(view.deactivated_at, now, zone) if view.deactivated_at else ""),
        ("changed", f"the password, {_when(view.password_changed_at, now, zone)}" if view.password_changed_at else ""),
        ("must change", "the password, with the next sign-in" if view.must_change_password else ""),
        ("you cannot", f"change this account: {view.above}" if view.above else ""),
    ]
    items += [Item("fact", text, label) for label, text in facts if text]
    profile = [("picture", view.avatar), ("phone", view.shown_phone)]
    about = view.bio.splitlines()
    if about or any(text for _, text in profile):
        items += [Item("gap"), Item("title", "Profile")]
        items += [Item("fact", text, label) for label, text in profile if text]
        items += [Item("fact", line, "" if at else "about") for at, line in enumerate(about)]
    if view.roles:
        items += [Item("gap"), Item("title", "Custom roles")]
        items += [
            Item("fact", f"{each.name}, from {each.given_by or 'nobody known'}", clock(each.given_at, now, zone))
            for each in view.roles
        ]
    items += [Item("gap"), Item("title", "Sessions")]
    items += [
        Item(
            "fact",
            f"{each.kind} {each.ip_address}, seen {ago(each.last_seen_at, now)}",
            clock(each.started_at, now, zone),
        )
        for each in view.sessions
    ] or [Item("dim", "None goes on.")]
    items += [Item("gap"), Item("title", "Keys")]
    items.append(Item("text", f"{_number(view.keys, 'API key')}, {_number(view.ssh_keys, 'SSH key')}"))
    items += [Item("gap"), Item("title", "Has"), *belongings(view)]
    if view.records:
        items += [Item("gap"), Item("title", "In the audit trail")]
        items += [Item("fact", record_words(each, row), clock(each.at, now, zone)) for each in view.records]
    return items


def belongings(view: PersonDetail) -> list[Item]:
    """What they have that goes on after them."""
    found = [Item("fact", f"{each.title} {each.note}".strip(), each.kind) for each in view.belongings]
    return found or [Item("dim", NOBODY_HAS)]


def fate_items(each: Outcome) -> list[Item]:
    """What would become, or became, of one person of many, with all that goes from them to somebody else."""
    from datapulse_tui.people import many

    items = [Item("text" if each.done else "critical", f"{each.title} {each.message}".strip())]
    handed = each.handed if isinstance(each, many.Outcome) else ()
    return items + [Item("fact", f"{one.title} {one.note}".strip(), one.kind.replace("_", " ")) for one in handed]


def record_words(each: RecordRow, row: PersonRow) -> str:
    """A record of the trail in a line: what, by whom, and the first things of the person that became another."""
    said = each.action.replace(".", " ").replace("_", " ")
    by = f" by {each.who}" if each.about and each.who and each.who != row.name else ""
    before, after = each.details.get("before"), each.details.get("after")
    if not each.about or not isinstance(after, Mapping):
        return said + by
    was = before if isinstance(before, Mapping) else {}
    changes = [
        f"{name.removesuffix('_id')} {_short(was[name])} → {_short(now)}" if name in was else f"{name} {_short(now)}"
        for name, now in list(after.items())[:SAID_OF]
    ]
    return f"{said}{by}: {', '.join(changes)}" if changes else said + by


def _short(value: object) -> str:
    return "none" if value is None else crop(clean(str(value)), SHORT)


def invited_items(name: str, invited: Invited, zone: ZoneInfo) -> list[Item]:
    """A code that is shown once."""
    mailed = (
        "A mail with it is on its way as well." if invited.mailed else "No mail is sent: there is no channel for it."
    )
    return [
        Item("title", f"{name} is invited"),
        Item("text", "Read this code out to them. It is shown only now, and kept nowhere:"),
        Item("gap"),
        Item("code", invited.code),
        Item("gap"),
        Item("text", f"They choose a password with it, at the sign-in, until {full_time(invited.expires_at, zone)}."),
        Item("dim", mailed),
    ]


def password_items(name: str, password: str) -> list[Item]:
    """A temporary password that is shown once."""
    return [
        Item("title", f"{name} has a temporary password"),
        Item("text", "Read it out to them. It is shown only now, and kept nowhere:"),
        Item("gap"),
        Item("code", password),
        Item("gap"),
        Item("text", "They have to choose another one with their next sign-in. Their sessions have ended."),
    ]


def _when(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    return f"{full_time(moment, zone)} ({ago(moment, now)})"


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
