"""Keys in words. Pure; `now` and the zone are arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.people.key_rules import SOON, KeyState
from datapulse_tui.people.rules import PERMISSIONS
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.tui.widgets.rows import Row, RowColumn, Tone

if TYPE_CHECKING:
    from datapulse_tui.people.key_reads import ApiKeyRow, SshKeyRow

API_FILTERS = (("live", "live"), ("ended", "ended"), ("", "all"))
SSH_FILTERS = (("", "all"), ("pending", "waiting"), ("admitted", "admitted"), ("revoked", "revoked"))

API_COLUMNS = (
    RowColumn("", 1),
    RowColumn("State", 10),
    RowColumn("Name"),
    RowColumn("Key", 13, dim=True),
    RowColumn("Used", 6, "right"),
    RowColumn("Ends", 6, "right"),
)
SSH_COLUMNS = (
    RowColumn("", 1),
    RowColumn("State", 10),
    RowColumn("Name"),
    RowColumn("Fingerprint", 18, dim=True),
    RowColumn("Kind", 9, needs=70, dim=True),
    RowColumn("Since", 6, "right", dim=True),
)
OWNER_AT = 3  # where the owner stands in the lists of everybody
WIDE = 84  # cells from which they show the key itself beside its owner


_API_STATES: dict[KeyState, tuple[str, Tone]] = {
    KeyState.LIVE: ("✓ live", "good"),
    KeyState.EXPIRED: ("○ expired", "dim"),
    KeyState.REVOKED: ("○ revoked", "dim"),
    KeyState.OWNER_AWAY: ("▲ no owner", "warning"),
}
_SSH_STATES: dict[str, tuple[str, Tone]] = {
    "pending": ("… waits", "warning"),
    "admitted": ("✓ admitted", "good"),
    "revoked": ("○ revoked", "dim"),
}


def with_owner(columns: Sequence[RowColumn]) -> list[RowColumn]:
    """The columns of a list of everybody's keys."""
    identity = columns[OWNER_AT]
    kept = replace(identity, needs=WIDE)
    return [*columns[:OWNER_AT], RowColumn("Owner"), kept, *columns[OWNER_AT + 1 :]]


def api_state(row: ApiKeyRow, now: datetime) -> tuple[str, Tone]:
    """How an API key stands; one that ends soon says so."""
    if row.state is KeyState.LIVE and row.expires_at <= now:
        return _API_STATES[KeyState.EXPIRED]
    if row.state is KeyState.LIVE and row.expires_at - now <= SOON:
        return "▲ ends", "warning"
    return _API_STATES[row.state]


def api_row(row: ApiKeyRow, now: datetime, *, marked: bool, owner: bool) -> Row:
    """An API key in the list."""
    state, tone = api_state(row, now)
    ended = row.state in (KeyState.REVOKED, KeyState.EXPIRED) or row.expires_at <= now
    cells = [
        "●" if marked else "",
        state,
        row.name,
        f"{row.prefix}…",
        ago(row.last_used, now) if row.last_used else "never",
        "" if ended else left(row.expires_at - now),
    ]
    tones: list[Tone] = ["accent", tone, "", "", "", "warning" if state == "▲ ends" else ""]
    if owner:
        cells.insert(OWNER_AT, row.owner)
        tones.insert(OWNER_AT, "")
    return Row(str(row.id), tuple(cells), tuple(tones))


def ssh_row(row: SshKeyRow, now: datetime, *, marked: bool, owner: bool) -> Row:
    """An SSH key in the list."""
    state, tone = _SSH_STATES[row.status]
    since = row.revoked_at or row.admitted_at or row.created_at
    cells = [
        "●" if marked else "",
        state,
        row.name,
        row.fingerprint.removeprefix("SHA256:")[:17] + "…",
        kind(row.key_type),
        ago(since, now),
    ]
    tones: list[Tone] = ["accent", tone, "", "", "", ""]
    if owner:
        cells.insert(OWNER_AT, row.owner)
        tones.insert(OWNER_AT, "")
    return Row(str(row.id), tuple(cells), tuple(tones))


def kind(key_type: str) -> str:
    """The kind of an SSH key in a short word."""
    short = key_type.removeprefix("ssh-").removeprefix("sk-ssh-").removesuffix("@openssh.com")
    short = short.replace("ecdsa-sha2-nistp", "ecdsa-").replace("sk-ecdsa", "ecdsa")
    return f"{short} token" if key_type.startswith("sk-") else short


def left(time: timedelta) -> str:
    """`45 min`, `5 h`, `89 d`: how long something still lasts."""
    minutes = max(1, int(time.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def api_items(row: ApiKeyRow, now: datetime, zone: ZoneInfo) -> list[Item]:
    """One API key in full."""
    state, _ = api_state(row, now)
    items = [Item("title", row.name), Item("text", f"{state} · {row.prefix}…"), Item("gap")]
    used = f"{full_time(row.last_used, zone)} ({ago(row.last_used, now)})" if row.last_used else "never"
    facts = [
        ("owner", f"{row.owner} <{row.email}>"),
        ("last used", used),
        ("from", row.last_used_from),
        ("made", full_time(row.created_at, zone)),
        ("ends", full_time(row.expires_at, zone)),
        ("revoked", full_time(row.revoked_at, zone) if row.revoked_at else ""),
        ("by", row.revoked_by),
        ("replaces", f"{row.replaces}…" if row.replaces else ""),
        ("replaced by", f"{row.replaced_by}…" if row.replaced_by else ""),
    ]
    items += [Item("fact", text, label) for label, text in facts if text]
    if row.state is KeyState.OWNER_AWAY:
        items.append(Item("text", "Its owner's account is not active, so it lets nobody in."))
    items += [Item("gap"), Item("dim", "It may, as far as its owner may:")]
    for word in row.scopes:
        items += [Item("text", word), Item("dim", f"  {PERMISSIONS.get(word, 'unknown here, so it gives nothing')}")]
    return items


def ssh_items(row: SshKeyRow, now: datetime, zone: ZoneInfo) -> list[Item]:
    """One SSH key in full."""
    state, _ = _SSH_STATES[row.status]
    items = [Item("title", row.name), Item("text", f"{state} · {kind(row.key_type)}"), Item("gap")]
    facts = [
        ("owner", f"{row.owner} <{row.email}>"),
        ("fingerprint", row.fingerprint),
        ("asked for", full_time(row.created_at, zone)),
        ("admitted", full_time(row.admitted_at, zone) if row.admitted_at else ""),
        ("by", row.admitted_by if row.admitted_at else ""),
        ("revoked", full_time(row.revoked_at, zone) if row.revoked_at else ""),
        ("by", row.revoked_by if row.revoked_at else ""),
        ("last used", f"{full_time(row.last_used, zone)} ({ago(row.last_used, now)})" if row.last_used else "never"),
    ]
    items += [Item("fact", text, label) for label, text in facts if text]
    if not row.owner_active:
        items.append(Item("text", "Its owner's account is not active, so it lets nobody in."))
    return [*items, Item("gap"), Item("dim", "The key:"), Item("code", row.public_key)]
