"""What somebody who writes a rule can choose from: people, roles and departments to tell, and channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from datapulse_tui.alerts.rules import CREATE

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

FIND = "user:find"


@dataclass(frozen=True, slots=True)
class RecipientChoice:
    """Somebody to tell: `term` as rules write it (an address, `role:NAME`, `department:NAME`), and words for it."""

    term: str
    label: str
    remark: str


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """A channel through which people can be told."""

    name: str
    type: str
    is_default: bool
    is_active: bool


_RECIPIENTS = """
SELECT term, label, remark FROM (
    SELECT 1 AS kind, email AS term, name AS label,
           email || CASE WHEN coalesce(phone, '') = '' THEN '' ELSE ' · has a phone' END AS remark
    FROM users WHERE status = 'active' AND (name ILIKE :holds OR email ILIKE :holds)
    UNION ALL
    SELECT 2, 'role:' || name, 'role ' || replace(name, '_', ' '), 'everybody with that role' FROM (
        SELECT unnest(CAST(:roles AS text[])) AS name UNION SELECT name FROM roles) named
    WHERE 'role ' || replace(name, '_', ' ') ILIKE :holds
    UNION ALL
    SELECT 3, 'department:' || name, 'department ' || name, 'everybody in it' FROM departments
    WHERE 'department ' || name ILIKE :holds
) found ORDER BY label NOT ILIKE :begins, kind, lower(label), term LIMIT :limit
"""
_CHANNELS = "SELECT name, type, is_default, is_active FROM notification_channels ORDER BY type, NOT is_default, name"


async def recipients(session: Reader, actor: Actor, text: str = "", *, limit: int = 30) -> tuple[RecipientChoice, ...]:
    """People by name or address, roles and departments that hold `text`, those that begin with it first.

    Raises NotAllowed without the right to make rules and to find people.
    """
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.people.rules import Role

    actor.require(CREATE, "choose whom a rule tells")
    actor.require(FIND, "find people")
    word = text.replace("\0", "").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").strip()
    params = {"holds": f"%{word}%", "begins": f"{word}%", "limit": limit, "roles": list(Role)}
    rows = await fetch(session, _RECIPIENTS, params)
    return tuple(RecipientChoice(row.term, row.label, row.remark) for row in rows)


async def channels(session: Reader, actor: Actor) -> tuple[ChannelChoice, ...]:
    """The channels that there are, without what is secret. Raises NotAllowed without the right to make rules."""
    from datapulse_tui.data.glance import fetch

    actor.require(CREATE, "choose how a rule tells people")
    rows = await fetch(session, _CHANNELS)
    return tuple(ChannelChoice(row.name, row.type, row.is_default, row.is_active) for row in rows)
