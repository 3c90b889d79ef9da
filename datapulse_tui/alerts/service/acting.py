"""What all verbs on incidents share: hold the rows, decide for each whether it may be done, change those, and say what
became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.filter_sql import RECEIVES
from datapulse_tui.alerts.rules import COMMENT, INCIDENTS_TOPIC, TRIAGE, TRIAGE_ALL, VIEW, VIEW_ALL, IncidentStatus
from datapulse_tui.alerts.views import Outcome
from datapulse_tui.data.verbs import Refusal as Refusal
from datapulse_tui.data.verbs import raise_if_single
from datapulse_tui.errors import Conflict, NotAllowed, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

Seen = Sequence[tuple[UUID, int]]
"""Incidents with the version in which the person saw each."""

OPEN = frozenset(IncidentStatus) - {IncidentStatus.RESOLVED}
KIND = "incident"
MOST = 10_000  # incidents acted on at once

# The rows are taken in the order of their ids, so that two who act on the same many do not wait for each other.
_HOLD = f"""
WITH held AS MATERIALIZED (
    SELECT id, number, title, version, status, alert_id, severity, acknowledged_at, assigned_to, snooze_id, reason
    FROM alert_incidents WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE
)
SELECT i.*, {RECEIVES} AS receives FROM held i
"""  # noqa: S608  (pieces of this program, values are bound)

_CHANGE = """
WITH changed AS (
    UPDATE alert_incidents i SET {sets}, version = i.version + 1, updated_at = now()
    FROM alerts a WHERE a.id = i.alert_id AND i.id = ANY(CAST(:ids AS uuid[]))
    RETURNING i.id, i.alert_id
), noted AS (
    INSERT INTO incident_events (incident_id, kind, actor_id, actor, comment, details)
    SELECT id, :event, CAST(:me AS uuid), :label, :comment, CAST(:details AS jsonb) FROM changed
){more}
SELECT count(*) FROM changed
"""

_RULES = """
SELECT id FROM alerts WHERE id IN (SELECT alert_id FROM alert_incidents WHERE id = ANY(CAST(:ids AS uuid[])))
ORDER BY id FOR NO KEY UPDATE
"""
ACKNOWLEDGED = "i.acknowledged_at IS NOT NULL"

# Who did what last, asked in a statement of its own: it sees what was committed while the rows were waited for.
_LAST = """
SELECT i.id, e.kind, e.at, coalesce(u.name, e.actor, 'DataPulse') AS who, z.until
FROM alert_incidents i
LEFT JOIN alert_snoozes z ON z.id = i.snooze_id AND i.status = 'snoozed'
LEFT JOIN LATERAL (
    SELECT kind, at, actor_id, actor FROM incident_events
    WHERE incident_id = i.id AND kind NOT IN ('told', 'held_back', 'commented', 'repeated')
    ORDER BY id DESC LIMIT 1) e ON true
LEFT JOIN users u ON u.id = e.actor_id
WHERE i.id = ANY(CAST(:ids AS uuid[]))
"""
_DID = {
    "fired": "opened",
    "updated": "updated",
    "acknowledged": "acknowledged",
    "unacknowledged": "put back to triggered",
    "assigned": "assigned",
    "snoozed": "snoozed",
    "snooze_extended": "snoozed for longer",
    "snooze_ended": "woken from a snooze",
    "resolved": "resolved",
    "reopened": "opened again",
    "escalated": "escalated",
}


@dataclass(frozen=True, slots=True)
class Held:
    """The incidents that may be acted on, as they are now and held until the transaction ends, and the others."""

    rows: Mapping[UUID, Any]
    refused: Mapping[UUID, Refusal]
    titles: Mapping[UUID, str]

    @property
    def ids(self) -> list[UUID]:
        """The ids of those that may be acted on."""
        return list(self.rows)

    @property
    def alert_ids(self) -> set[UUID]:
        """The rules of those that may be acted on."""
        return {row.alert_id for row in self.rows.values()}

    def refuse(self, refused: Mapping[UUID, Refusal]) -> Held:
        """The same, less what a verb refuses for reasons of its own."""
        kept = {key: row for key, row in self.rows.items() if key not in refused}
        return Held(kept, {**self.refused, **refused}, self.titles)

    def outcomes(self, message: str) -> tuple[Outcome, ...]:
        """What became of each, in the order in which they were given; `message` is for what was done.

        Where there is only one and it was not done, its error is raised.
        """
        raise_if_single(self.titles, self.refused)
        return tuple(
            Outcome(key, title, key in self.rows, message if key in self.rows else self.refused[key].message)
            for key, title in self.titles.items()
        )


MISSING = Refusal(NotFound, "there is no such incident, or it is not one of yours", "Look at the inbox again.")


async def hold(
    session: AsyncSession,
    actor: Actor,
    ids: Seen,
    states: frozenset[IncidentStatus],
    *,
    permission: str = TRIAGE,
    any_version: bool = False,
    rules: bool = False,
) -> Held:
    """Hold the incidents of `ids` that `actor` may act on, that stand in one of `states`, and that are as they were
    seen; the others are refused with the reason. Raises NotAllowed without the right to view any.

    `rules` holds their rules as well, before them (see episodes.py): for verbs after which the status of a rule may be
    another, and always for several incidents, whose rows evaluation takes in an order of its own.
    """
    from sqlalchemy import text

    actor.require(VIEW, "see incidents")
    seen = dict(ids)
    if len(seen) > MOST:
        raise Conflict(f"That are more than {MOST:,} incidents at once. Nothing was changed.", hint="Mark fewer.")
    if rules or len(seen) > 1:
        await session.execute(text(_RULES), {"ids": list(seen)})
    rows = await session.execute(text(_HOLD), {"ids": list(seen), "me": actor.user_id})
    found = {row.id: row for row in rows}
    refused: dict[UUID, Refusal] = {}
    moved: list[UUID] = []
    for key, version in seen.items():
        row = found.get(key)
        if row is None or not (row.receives or actor.can(VIEW_ALL)):
            refused[key] = MISSING
        elif not _may(actor, permission, row):
            refused[key] = Refusal(NotAllowed, f"you may not: that needs the permission {permission}", _ASK)
        elif row.status not in states or (row.version != version and not any_version):
            moved.append(key)
    refused |= await _explained(session, actor, {key: found[key] for key in moved}, states)
    titles = {key: f"#{found[key].number} {found[key].title}" if refused.get(key) != MISSING else "" for key in seen}
    return Held({key: found[key] for key in seen if key not in refused}, refused, titles)


_ASK = "Ask an administrator for it."


def _may(actor: Actor, permission: str, row: Any) -> bool:
    if permission == COMMENT:
        return actor.can(COMMENT)
    return actor.can(TRIAGE_ALL) or (actor.can(permission) and bool(row.receives))


async def _explained(
    session: AsyncSession, actor: Actor, rows: Mapping[UUID, Any], states: frozenset[IncidentStatus]
) -> dict[UUID, Refusal]:
    """Who did what with each of `rows` since the person saw it."""
    from sqlalchemy import text

    if not rows:
        return {}
    last = {row.id: row for row in await session.execute(text(_LAST), {"ids": list(rows)})}
    found = {}
    for key, row in rows.items():
        event = last[key]
        did = _DID.get(event.kind, "changed") if event.kind else "changed"
        words = f"{did} by {event.who} at {moment(actor, event.at)}" if event.at else did
        if event.until is not None:
            words += f", until {moment(actor, event.until)}"
        about = "already " if row.status not in states else "changed meanwhile: "
        found[key] = Refusal(Conflict, about + words, "Look at it as it is now.")
    return found


def moment(actor: Actor, at: datetime) -> str:
    """A time as the person reads it, in their zone."""
    return f"{at.astimezone(ZoneInfo(actor.zone)):%Y-%m-%d %H:%M:%S}"


async def change(
    session: AsyncSession,
    actor: Actor,
    ids: Sequence[UUID],
    event: str,
    sets: str,
    *,
    comment: str | None = None,
    details: Mapping[str, object] | None = None,
    more: str = "",
    **values: object,
) -> None:
    """Change held incidents in one statement and write the event into the timeline of each.

    `sets` is SQL over `alert_incidents i` and its rule `alerts a`; `more` further parts of the statement, which see the
    incidents as `changed` (id, alert_id). `values` are what these bind.
    """
    import json

    from sqlalchemy import text

    params = {
        "ids": list(ids),
        "event": event,
        "me": actor.user_id,
        "label": actor.recorded_as,
        "comment": comment,
        "details": json.dumps(details or {}),
        **values,
    }
    statement = _CHANGE.format(sets=sets, more=f", {more}" if more else "")
    await session.execute(text(statement), params)


def timers(stopped: str = ACKNOWLEDGED) -> str:
    """SQL for `change`: the timers begin anew now, or rest where `stopped` holds. What was escalated stays so."""
    escalate = f"CASE WHEN NOT ({stopped}) AND i.escalated_at IS NULL THEN a.escalate_after_seconds END"
    repeat = f"CASE WHEN NOT ({stopped}) THEN a.repeat_interval_seconds END"
    return (
        f"repeat_at = now() + make_interval(secs => {repeat}), "
        f"escalate_at = now() + make_interval(secs => {escalate}), "
        f"timer_at = now() + make_interval(secs => least({repeat}, {escalate}))"
    )


async def database_now(session: AsyncSession) -> datetime:
    """The time of this transaction, by the database's clock."""
    from sqlalchemy import text

    found: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return found


async def tell_desks(session: AsyncSession, ids: Sequence[UUID]) -> None:
    """Tell every desk that these incidents changed."""
    from datapulse_tui.data.feed import emit

    await emit(session, INCIDENTS_TOPIC, *ids)


async def record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    held: Held,
    before: Sequence[str],
    after: Mapping[str, object],
    note: Mapping[str, object] | None = None,
) -> None:
    """One audit record for each incident that was held: the columns `before`, and what they are now."""
    from datapulse_tui.audit.service import Entry, record_many

    entries = [
        Entry(action, KIND, key, {name: _plain(getattr(row, name)) for name in before}, after, note)
        for key, row in held.rows.items()
    ]
    await record_many(session, actor, entries)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int) else str(value)
