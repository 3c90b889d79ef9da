"""One's own account and sessions as lines of text."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.people.rules import role_in_words
from datapulse_tui.tui import themes
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.tui.widgets.rows import Row, RowColumn

if TYPE_CHECKING:
    from datapulse_tui.people.reads import ProfileRow
    from datapulse_tui.people.sessions import SessionRow

SESSION_COLUMNS = (
    RowColumn("Session", 14),
    RowColumn("From", 0),
    RowColumn("With", 24, needs=100, dim=True),
    RowColumn("Since", 12, dim=True),
    RowColumn("Seen", 8, "right"),
)
KINDS = {"desk": "desk", "ssh": "ssh", "wall": "wall display"}
NOT_SET = "not set"


def profile_items(profile: ProfileRow, theme: str, now: datetime, zone: ZoneInfo) -> list[Item]:
    """What is known of the account."""
    account = profile.account
    role = role_in_words(account.role)
    roles = [role, *profile.custom_roles]
    password = "changed " + ago_words(profile.password_changed_at, now) if profile.password_changed_at else "set"
    items = [
        Item("title", account.name),
        Item("fact", account.email, "E-mail"),
        Item("fact", ", ".join(roles), "Role" if len(roles) == 1 else "Roles"),
        Item("fact", account.department or "none", "Department"),
        Item("fact", account.phone or NOT_SET, "Phone"),
        Item("fact", account.zone, "Time zone"),
        Item("fact", themes.LABELS.get(theme, theme), "Colours"),
        Item("fact", profile.avatar or NOT_SET, "Picture"),
        Item("fact", password if account.has_password else "none", "Password"),
    ]
    if account.last_login is not None:
        items.append(Item("fact", full_time(account.last_login, zone), "Signed in"))
    if profile.bio:
        items += [Item("gap"), *(Item("text", line) for line in profile.bio.splitlines())]
    return items


def ago_words(moment: datetime, now: datetime) -> str:
    """`now`, `5 min ago`."""
    words = ago(moment, now)
    return words if words == "now" else f"{words} ago"


def session_row(row: SessionRow, mine: UUID | None, now: datetime, zone: ZoneInfo) -> Row:
    """A session in the list. The one that reads this is marked in words."""
    kind = KINDS.get(row.kind, row.kind)
    seen = "lost" if row.lost else ago(row.last_seen_at, now)
    return Row(
        str(row.id),
        (
            f"{kind}, here" if row.id == mine else kind,
            row.ip_address or "unknown",
            row.user_agent,
            f"{row.started_at.astimezone(zone):%m-%d %H:%M}",
            seen,
        ),
        ("accent" if row.id == mine else "", "", "", "", "warning" if row.lost else ""),
    )
