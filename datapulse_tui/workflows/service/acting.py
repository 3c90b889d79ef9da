"""What all verbs on requests share: hold the rows, see who may do what with each as it is now, change those, and say
what became of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.data.verbs import Refusal, raise_if_single
from datapulse_tui.errors import Conflict, NotAllowed, NotFound
from datapulse_tui.workflows.deciding import Authority, Standing, moment, why_not
from datapulse_tui.workflows.filter_sql import visible
from datapulse_tui.workflows.reads.rows import COLUMNS, JOINS, LENT_BY
from datapulse_tui.workflows.reads.standing import HOLDS, standing
from datapulse_tui.workflows.rules import WORKFLOWS_TOPIC
from datapulse_tui.workflows.views import Outcome

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

Seen = Sequence[tuple[UUID, int]]
"""Requests with the version in which the person saw each."""

KIND = "workflow"
MOST = 1_000  # requests acted on at once

# The rows are taken in the order of their ids, so that two who act on the same many do not wait for each other, and as
# strongly as the trigger of their votes takes them. People are held after requests, here and wherever both are.
_HOLD = f"""
WITH held AS MATERIALIZED (
    SELECT id, status, approver_id FROM workflows WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE
)
SELECT w.id, {LENT_BY} AS lent_by FROM held w
"""  # noqa: S608  (pieces of this program, values are bound)
# What a decision relies on: the person, those in whose name they may act, and where each right comes from.
_HOLD_RIGHTS = f"""
WITH away AS MATERIALIZED (
    SELECT d.id, d.principal_id FROM delegations d WHERE d.substitute_id = CAST(:me AS uuid) AND {HOLDS}
    ORDER BY d.id FOR SHARE
), people AS MATERIALIZED (
    SELECT id FROM users
    WHERE id = CAST(:me AS uuid) OR id IN (SELECT principal_id FROM away) OR id = ANY(CAST(:lenders AS uuid[]))
    ORDER BY id FOR SHARE
), roles_held AS MATERIALIZED (
    SELECT m.user_id FROM user_roles m JOIN roles r ON r.id = m.role_id
    WHERE m.user_id IN (SELECT id FROM people) ORDER BY m.user_id, m.role_id FOR SHARE
), led AS MATERIALIZED (
    SELECT id FROM departments WHERE head_id IN (SELECT id FROM people) ORDER BY id FOR SHARE
)
SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM roles_held), (SELECT count(*) FROM led)
"""  # noqa: S608
_ROWS = f"""
SELECT {COLUMNS}, {{visible}} AS visible, now() AS now, mine.created_at AS voted_at, mine.vote AS my_vote,
    edited.at AS edited_at
FROM workflows w {JOINS}
LEFT JOIN LATERAL (
    SELECT created_at, vote FROM workflow_votes
    WHERE workflow_id = w.id AND actor_id = CAST(:me AS uuid) AND retracted_at IS NULL) mine ON true
LEFT JOIN LATERAL (
    SELECT at FROM workflow_events WHERE workflow_id = w.id AND kind = 'edited' ORDER BY id DESC LIMIT 1) edited ON true
WHERE w.id = ANY(CAST(:ids AS uuid[]))
"""  # noqa: S608
_NOTE = """
INSERT INTO workflow_events (workflow_id, kind, actor_id, actor, comment, details)
SELECT (given.value->>0)::uuid, :event, CAST(:me AS uuid), :label, :comment, given.value->1
FROM jsonb_array_elements(CAST(:given AS jsonb)) AS given
"""


@dataclass(frozen=True, slots=True)
class Held:
    """The requests that may be acted on, as they are now and held until the transaction ends, and the others. `rights`
    says in whose right each is decided, where that was asked for."""

    rows: Mapping[UUID, Any]
    refused: Mapping[UUID, Refusal]
    titles: Mapping[UUID, str]
    rights: Mapping[UUID, Authority]
    standing: Standing

    @property
    def ids(self) -> list[UUID]:
        """The ids of those that may be acted on."""
        return list(self.rows)

    def refuse(self, refused: Mapping[UUID, Refusal]) -> Held:
        """The same, less what a verb refuses for reasons of its own."""
        kept = {key: row for key, row in self.rows.items() if key not in refused}
        return Held(kept, {**self.refused, **refused}, self.titles, self.rights, self.standing)

    def principal(self, key: UUID) -> Authority | None:
        """For whom the person stands in on this request; None where they act for themselves."""
        right = self.rights.get(key)
        return None if right is None or right is self.standing.person else right

    def outcomes(self, message: str | Mapping[UUID, str]) -> tuple[Outcome, ...]:
        """What became of each, in the order in which they were given; `message` is for what was done.

        Where there is only one and it was not done, its error is raised.
        """
        raise_if_single(self.titles, self.refused)
        done = dict.fromkeys(self.rows, message) if isinstance(message, str) else message
        return tuple(
            Outcome(key, title, key in self.rows, done[key] if key in self.rows else self.refused[key].message)
            for key, title in self.titles.items()
        )


MISSING = Refusal(NotFound, "there is no such request, or you may not see it", "Look at the queue again.")


def person(actor: Actor) -> UUID:
    """Who acts. Raises NotAllowed for an operator or DataPulse itself: a request is between people."""
    if actor.user_id is None:
        raise NotAllowed("You act for nobody, and requests are between people. Nothing was changed.", hint="--as EMAIL")
    return actor.user_id


async def hold(
    session: AsyncSession,
    actor: Actor,
    ids: Seen,
    *,
    deciding: bool = False,
    any_version: bool = False,
    or_permission: str = "",
) -> Held:
    """Hold the requests of `ids` that `actor` may see and that are as they were seen; the others are refused with the
    reason. `deciding` refuses as well what they may not decide now, and holds what their right to the rest relies on;
    with `or_permission` they need not be one of those who decide."""
    from sqlalchemy import text

    seen = dict(ids)
    if len(seen) > MOST:
        raise Conflict(f"That are more than {MOST:,} requests at once. Nothing was changed.", hint="Mark fewer.")
    values = {"ids": list(seen), "me": actor.user_id}
    held = (await session.execute(text(_HOLD), values)).all()
    lenders = [row.lent_by for row in held if row.lent_by is not None]
    if deciding:
        await session.execute(text(_HOLD_RIGHTS), {"me": actor.user_id, "lenders": lenders})
    mine = await standing(session, actor, lenders)
    shown = visible(actor, mine)
    rows = await session.execute(text(_ROWS.format(visible=shown.sql)), {**values, **shown.params})
    found = {row.id: row for row in rows}
    refused: dict[UUID, Refusal] = {}
    rights: dict[UUID, Authority] = {}
    zone = ZoneInfo(actor.zone)
    for key, version in seen.items():
        row = found.get(key)
        refusal: Refusal | None = None
        if row is None or not row.visible:
            refusal = MISSING
        elif deciding:
            refusal = why_not(mine, row, zone)
            if refusal and refusal.error is NotAllowed and or_permission and actor.can(or_permission):
                refusal = None
        if refusal is None and row is not None and row.version != version and not any_version:
            refusal = _edited(row, zone)
        if refusal is not None:
            refused[key] = refusal
        elif deciding and row is not None and (right := mine.right_on(row)) is not None:
            rights[key] = right
    titles = {key: f"#{found[key].number} {found[key].subject}" if refused.get(key) != MISSING else "" for key in seen}
    return Held({key: found[key] for key in seen if key not in refused}, refused, titles, rights, mine)


def _edited(row: Any, zone: ZoneInfo) -> Refusal:
    when = f" at {moment(row.edited_at, zone)}" if row.edited_at else ""
    return Refusal(Conflict, f"changed by {row.requester_name}{when} since you saw it", "Look at it as it is now.")


def workspace_zone() -> ZoneInfo:
    """The zone in which the workspace works."""
    from datapulse_tui.config import load_settings

    return ZoneInfo(load_settings().time_zone)


async def note(
    session: AsyncSession,
    actor: Actor,
    event: str,
    given: Mapping[UUID, Mapping[str, object]],
    comment: str | None = None,
) -> None:
    """Write an event into the history of each request in `given`, with its details."""
    from sqlalchemy import text

    if given:
        params = {
            "event": event,
            "me": actor.user_id,
            "label": actor.recorded_as,
            "comment": comment or None,
            "given": json.dumps([(str(key), dict(details)) for key, details in given.items()]),
        }
        await session.execute(text(_NOTE), params)


async def record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    held: Held,
    after: Mapping[str, object],
    note: Mapping[str, object] | None = None,
) -> None:
    """One audit record for each request that was held: what `after` names, before and now, and for whom the person
    stood in."""
    from datapulse_tui.audit.service import Entry, record_many

    entries = []
    for key, row in held.rows.items():
        away = held.principal(key)
        more = {**(note or {}), "request": held.titles[key]} | ({"in_name_of": away.name} if away else {})
        before = {name: _plain(getattr(row, name)) for name in after}
        entries.append(Entry(action, KIND, key, before, after, more))
    await record_many(session, actor, entries)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int) else str(value)


def in_name_of(held: Held, **more: object) -> dict[UUID, Mapping[str, object]]:
    """Details of an event for each request: the principal, where somebody stands in."""
    found: dict[UUID, Mapping[str, object]] = {}
    for key in held.rows:
        away = held.principal(key)
        found[key] = {**more, **({"principal": str(away.id)} if away else {})}
    return found


async def tell_desks(session: AsyncSession, ids: Sequence[UUID]) -> None:
    """Tell every desk that these requests changed."""
    from datapulse_tui.data.feed import emit

    if ids:
        await emit(session, WORKFLOWS_TOPIC, *ids)
