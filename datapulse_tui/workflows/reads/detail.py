"""One request with all that its detail shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import NotFound
from datapulse_tui.workflows.deciding import described
from datapulse_tui.workflows.filter_sql import visible
from datapulse_tui.workflows.reads import rows as request_rows
from datapulse_tui.workflows.reads.rows import COLUMNS, JOINS, make_rows
from datapulse_tui.workflows.reads.standing import standing
from datapulse_tui.workflows.rules import MANAGE, REQUEST, EffectState, Status, WaitingOn
from datapulse_tui.workflows.views import EventRow, RequestView

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

MOST_EVENTS = 500
MOST_RELATED = 100
MOST_EARLIER = 5
SEE_AUDIT = "audit:view"
SOMEBODY = "DataPulse"  # who did what no person did

_DETAIL = f"""
SELECT {COLUMNS}, coalesce(w.effect_reason, '') AS effect_reason, w.effect_attempts, route.details AS route
FROM workflows w {JOINS}
LEFT JOIN LATERAL (
    SELECT details FROM workflow_events
    WHERE workflow_id = w.id AND kind IN ('requested', 'edited') ORDER BY id DESC LIMIT 1) route ON true
WHERE w.{{key}} = :key AND {{visible}}
"""  # noqa: S608  (pieces of this program, values are bound)
_EVENTS = """
SELECT * FROM (
    SELECT e.id, e.at, e.kind, coalesce(u.name, e.actor, :somebody) AS actor, coalesce(p.name, '') AS in_name_of,
           coalesce(e.comment, '') AS comment, e.details
    FROM workflow_events e
    LEFT JOIN users u ON u.id = e.actor_id
    LEFT JOIN users p ON p.id = CAST(e.details->>'principal' AS uuid)
    WHERE e.workflow_id = :id ORDER BY e.id DESC LIMIT :limit) newest
ORDER BY id
"""
_RELATED = """
SELECT * FROM (
    SELECT l.seq, l.created_at AS at, l.action AS kind, coalesce(u.name, l.actor, :somebody) AS actor,
           coalesce(l.details->'note'->>'in_name_of', '') AS in_name_of, '' AS comment, l.details
    FROM audit_logs l LEFT JOIN users u ON u.id = l.user_id
    WHERE l.resource_type = 'workflow' AND l.resource_id = :id ORDER BY l.seq DESC LIMIT :limit) newest
ORDER BY seq
"""
_EARLIER = f"""
SELECT {COLUMNS} FROM (
    SELECT w.id FROM workflows w WHERE w.requester_id = :requester AND w.id <> :id AND w.created_at <= :before
      AND {{visible}}
    ORDER BY w.created_at DESC, w.id LIMIT :limit) found
JOIN workflows w ON w.id = found.id {JOINS}
ORDER BY w.created_at DESC, w.id
"""  # noqa: S608


async def get_request(session: Reader, actor: Actor, wanted: UUID | int) -> RequestView:
    """The request with that id or number. Raises NotFound for one that is not there or not visible to `actor`."""
    mine = await standing(session, actor)
    shown = visible(actor, mine)
    key = "id" if isinstance(wanted, UUID) else "number"
    found = await fetch(session, _DETAIL.format(key=key, visible=shown.sql), {**shown.params, "key": wanted})
    if not found:
        raise NotFound(
            "There is no such request, or you may not see it.", hint="`datapulse workflow list` shows the open ones."
        )
    row = found[0]
    limits = {"id": row.id, "somebody": SOMEBODY}
    events = await fetch(session, _EVENTS, {**limits, "limit": MOST_EVENTS})
    related = await fetch(session, _RELATED, {**limits, "limit": MOST_RELATED}) if actor.can(SEE_AUDIT) else ()
    earlier = await fetch(
        session,
        _EARLIER.format(visible=shown.sql),
        {
            **shown.params,
            "id": row.id,
            "requester": row.requester_id,
            "before": row.created_at,
            "limit": MOST_EARLIER,
        },
    )
    (made,) = await make_rows(session, actor, [row], mine)
    values, effect = await _in_words(row)
    open_to_requester = (
        row.requester_id == actor.user_id
        and actor.can(REQUEST)
        and row.status == Status.PENDING
        and row.final_at is None
    )
    may_run_again = row.effect_state == EffectState.FAILED and (
        actor.can(MANAGE) or (actor.user_id is not None and row.approver_id == actor.user_id)
    )
    return RequestView(
        row=made,
        values=values,
        details=row.details,
        effect=effect,
        effect_reason=row.effect_reason,
        effect_attempts=row.effect_attempts,
        waits_for=_waits_for(row),
        events=tuple(_event(each) for each in events),
        related=tuple(_event(each) for each in related),
        earlier=await make_rows(session, actor, earlier, mine),
        may_withdraw=open_to_requester,
        may_edit=open_to_requester,
        may_run_again=may_run_again,
    )


async def _in_words(row: Any) -> tuple[tuple[tuple[str, str], ...], str]:
    """The form's fields and the effect in words. Those of a type that is not there any more stay as they were kept."""
    types = await request_rows.types()
    if row.type not in types:
        kept: Mapping[str, object] = row.details.get("fields", row.details)
        return tuple((name, str(value)) for name, value in kept.items()), ""
    kind = types[row.type]
    return kind.values(row.details), kind.effect_text(row.details)


def _waits_for(row: Any) -> str:
    """Whose turn it is, in words; empty once it is decided."""
    if row.status != Status.PENDING or row.final_at is not None:
        return ""
    if row.waiting_on == WaitingOn.REQUESTER:
        return f"{row.requester_name}, for an answer"
    route: Mapping[str, Any] = row.route or {}
    who = route.get("waits_for") or described(row.audience)
    if row.escalated_at is not None and route.get("fallback", {}).get("in_words"):
        who = f"{who} or, since it is late, {route['fallback']['in_words']}"
    has = row.claimed_name or row.approver_name
    who = f"{has} ({who})" if has else who
    return f"{row.quorum - row.votes} of {who}" if row.quorum > 1 else who


def _event(row: Any) -> EventRow:
    return EventRow(row.at, row.kind, row.actor, row.in_name_of, row.comment, row.details)
