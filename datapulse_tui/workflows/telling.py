"""Who is told what of requests and delegations: messages for the outbox, by e-mail through the default channel.

Without such a channel nobody is told anything but on their desk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.data.glance import fetch
from datapulse_tui.notify.intents import Intent
from datapulse_tui.people.rules import ROLE_PERMISSIONS
from datapulse_tui.workflows.deciding import Authority, concerns
from datapulse_tui.workflows.reads.standing import HOLDS, RIGHTS, authority
from datapulse_tui.workflows.rules import DECIDE, Result, Status

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

GATHERED_SECONDS = 5  # what happens to several requests at once is one message to each person
ABOUT = "Approvals"  # what a message of several is called

_CHANNEL = "SELECT 1 FROM notification_channels WHERE type = 'email' AND is_default AND is_active"
_REQUESTS = """
SELECT w.id, w.number, now() AS now, w.type, w.subject, w.status, w.outcome, w.priority, w.due_at, w.audience,
    w.requester_id, w.approver_id, w.claimed_by, w.effect_state, coalesce(w.effect_reason, '') AS effect_reason,
    w.details->'refused' AS refused,
    r.name AS requester, r.email AS requester_email, r.status = 'active' AS requester_active,
    coalesce(r.timezone, 'UTC') AS requester_zone, a.name AS approver,
    coalesce((SELECT v.comment FROM workflow_votes v WHERE v.workflow_id = w.id AND v.retracted_at IS NULL
              ORDER BY v.vote = 'reject' DESC, v.created_at DESC, v.id LIMIT 1), '') AS comment
FROM workflows w JOIN users r ON r.id = w.requester_id LEFT JOIN users a ON a.id = w.approver_id
WHERE w.id = ANY(CAST(:ids AS uuid[]))
"""
# Whoever could be meant by a word: those who may decide at all, and those who are named in person.
_CANDIDATES = f"""
SELECT {RIGHTS} FROM users u
WHERE u.status = 'active' AND (
    u.role = ANY(CAST(:roles AS text[])) OR u.id = ANY(CAST(:people AS uuid[]))
    OR u.id IN (SELECT m.user_id FROM user_roles m JOIN roles r ON r.id = m.role_id
                WHERE jsonb_exists(r.permissions, :decide))
    OR u.id IN (SELECT d.head_id FROM departments d WHERE d.id = ANY(CAST(:heads AS uuid[])))
    OR u.id IN (SELECT d.substitute_id FROM delegations d WHERE {HOLDS}))
"""  # noqa: S608  (pieces of this program, values are bound)
_AWAY = f"SELECT d.principal_id, d.substitute_id, d.types FROM delegations d WHERE {HOLDS}"  # noqa: S608
_PEOPLE = """
SELECT id, name, email, coalesce(timezone, 'UTC') AS zone, status = 'active' AS active
FROM users WHERE id = ANY(CAST(:ids AS uuid[]))
"""


@dataclass(frozen=True, slots=True)
class _To:
    """Somebody to tell."""

    id: UUID
    email: str
    zone: str


async def new(session: AsyncSession, ids: Sequence[UUID]) -> int:
    """Tell those who may decide requests that these are there (again); returns how many deliveries are new."""
    return await _approvers(session, ids, "new", "{requester} asks: {subject}")


async def reminded(session: AsyncSession, ids: Sequence[UUID]) -> int:
    """Remind those who may decide requests of them: whoever has one, or everybody where nobody has."""
    return await _approvers(session, ids, "reminder", "Still waits for you: {subject}", holders=True)


async def escalated(session: AsyncSession, ids: Sequence[UUID]) -> int:
    """Tell everybody who may decide requests, now also the fall-back, that they are late."""
    return await _approvers(session, ids, "escalated", "Late: {subject}")


async def delegated(session: AsyncSession, ids: Sequence[UUID], user_id: UUID, who: str, comment: str) -> int:
    """Tell somebody that they were given requests."""
    if not await _reachable(session):
        return 0
    to = [_To(row.id, row.email, row.zone) for row in await _people(session, [user_id])]
    text = f"{who} gave it to you." + (f"\n{comment}" if comment else "")
    rows = await fetch(session, _REQUESTS, {"ids": list(ids)})
    return await _queue(session, [_intent(row, each, "delegated", row.subject, text) for row in rows for each in to])


async def asked(session: AsyncSession, ids: Sequence[UUID], who: str, question: str) -> int:
    """Tell requesters that somebody asks them something, for which their request waits."""
    return await _requesters(
        session, ids, "asked", lambda row: (f"A question about {row.subject}", f"{who} asks:\n{question}")
    )


async def decided(session: AsyncSession, ids: Sequence[UUID]) -> int:
    """Tell requesters what was decided, or that nobody did in time."""

    def words(row: Any) -> tuple[str, str]:
        if row.outcome == Result.EXPIRED:
            return f"Expired: {row.subject}", "Nobody decided it in time. You can make it again."
        did = "Rejected" if row.outcome == Result.REJECTED else "Approved"
        by = f"By {row.approver}." if row.approver else ""
        return f"{did}: {row.subject}", "\n".join(part for part in (by, row.comment) if part)

    return await _requesters(session, ids, "decided", words)


async def completed(session: AsyncSession, ids: Sequence[UUID], what: str = "") -> int:
    """Tell requesters that what they asked for is done."""
    return await _requesters(session, ids, "completed", lambda row: (f"Done: {row.subject}", what))


async def failed(session: AsyncSession, ids: Sequence[UUID], why: str, occasion: str) -> int:
    """Tell those who approved requests that what they approved could not be done, each time (`occasion`) anew."""
    if not ids or not await _reachable(session):
        return 0
    intents = []
    for row in await fetch(session, _REQUESTS, {"ids": list(ids)}):
        for each in await _people(session, [row.approver_id] if row.approver_id else []):
            text = f"{why}\nYou approved it, so you may run it again."
            to = _To(each.id, each.email, each.zone)
            intents.append(_intent(row, to, f"failed@{occasion}", f"Not carried out: {row.subject}", text))
    return await _queue(session, intents)


async def delegation(session: AsyncSession, row: Any, transition: str) -> int:
    """Tell both people of a delegation that it was made or ended (`transition`). `row` is that of the delegation."""
    if not await _reachable(session):
        return 0
    people = {each.id: each for each in await _people(session, [row.principal_id, row.substitute_id])}
    away, substitute = people.get(row.principal_id), people.get(row.substitute_id)
    if away is None or substitute is None:
        return 0
    intents = []
    for each, title in (
        (substitute, f"You stand in for {away.name}"),
        (away, f"{substitute.name} stands in for you"),
    ):
        zone = ZoneInfo(each.zone)
        span = " to ".join(f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (row.starts_at, row.ends_at))
        types = f" For: {', '.join(row.types)}." if row.types else ""
        told = title if transition == "made" else f"No longer: {title[0].lower()}{title[1:]}"
        key = f"delegation:{row.id}:{transition}:{each.id}"
        intents.append(_message(key, _To(each.id, each.email, each.zone), told, f"From {span}.{types}"))
    return await _queue(session, intents)


async def deciders(session: AsyncSession, rows: Sequence[Any]) -> dict[UUID, tuple[Authority, ...]]:
    """For each request (a row with id, type, audience, requester_id and refused) the active people who may decide it,
    by themselves or standing in for somebody."""
    words = {word for row in rows for word in row.audience}
    found = await fetch(
        session,
        _CANDIDATES,
        {
            "roles": [role.value for role, permissions in ROLE_PERMISSIONS.items() if DECIDE in permissions],
            "people": _ids(words, "user"),
            "heads": _ids(words, "head"),
            "decide": DECIDE,
        },
    )
    people = {row.id: authority(row) for row in found}
    away = [row for row in await fetch(session, _AWAY) if {row.principal_id, row.substitute_id} <= people.keys()]
    return {row.id: tuple(_who(row, people, away)) for row in rows}


# -- parts -------------------------------------------------------------------------------------------------------------


def _who(request: Any, people: Mapping[UUID, Authority], away: Sequence[Any]) -> Iterable[Authority]:
    by_themselves = {each.id for each in people.values() if each.covers(request)}
    standing_in = {
        each.substitute_id
        for each in away
        if each.principal_id in by_themselves
        and (not each.types or request.type in each.types)
        and not concerns(request, each.substitute_id)
        and f"permission:{DECIDE}" in people[each.substitute_id].words
    }
    return (people[each] for each in sorted(by_themselves | standing_in))


def _ids(words: Iterable[str], kind: str) -> list[UUID]:
    return [UUID(word.partition(":")[2]) for word in words if word.startswith(f"{kind}:")]


async def _reachable(session: AsyncSession) -> bool:
    return bool(await fetch(session, _CHANNEL))


async def _people(session: AsyncSession, ids: Iterable[UUID]) -> list[Any]:
    return [row for row in await fetch(session, _PEOPLE, {"ids": list(ids)}) if row.active]


async def _approvers(
    session: AsyncSession, ids: Sequence[UUID], transition: str, title: str, *, holders: bool = False
) -> int:
    if not ids or not await _reachable(session):
        return 0
    rows = await fetch(session, _REQUESTS, {"ids": list(ids)})
    who = await deciders(session, rows)
    zones = {row.id: row.zone for row in await _people(session, {each.id for some in who.values() for each in some})}
    intents = []
    for row in rows:
        has = {row.claimed_by or (row.approver_id if row.status == Status.PENDING else None)}
        some = [each for each in who[row.id] if each.id in has] if holders else []
        told = title.replace("{requester}", row.requester).replace("{subject}", row.subject)
        for each in some or who[row.id]:
            to = _To(each.id, each.email, zones[each.id])
            due = f"Decide it by {row.due_at.astimezone(ZoneInfo(to.zone)):%Y-%m-%d %H:%M}." if row.due_at else ""
            intents.append(_intent(row, to, transition, told, f"Requested by {row.requester}. {due}"))
    return await _queue(session, intents)


async def _requesters(
    session: AsyncSession, ids: Sequence[UUID], what: str, words: Callable[[Any], tuple[str, str]]
) -> int:
    if not ids or not await _reachable(session):
        return 0
    intents = []
    for row in await fetch(session, _REQUESTS, {"ids": list(ids)}):
        title, text = words(row)
        to = _To(row.requester_id, row.requester_email, row.requester_zone)
        if row.requester_active:
            intents.append(_intent(row, to, what, title, text))
    return await _queue(session, intents)


async def _queue(session: AsyncSession, intents: Sequence[Intent]) -> int:
    from datapulse_tui.notify.service import queue

    return await queue(session, intents)


def _intent(row: Any, to: _To, transition: str, title: str, text: str) -> Intent:
    """What is told of a request may be told again (a question, a reminder), at another moment."""
    return _message(f"workflow:{row.id}:{transition}@{row.now.isoformat()}:{to.id}", to, title, text, row.number)


def _message(key: str, to: _To, title: str, text: str, number: int | None = None) -> Intent:
    return Intent(
        key=key,
        kind="message",
        channel_type="email",
        channel_id=None,
        address=to.email,
        user_id=to.id,
        zone=to.zone,
        group_key=f"workflows:{to.email}",
        incident_id=None,
        alert_id=None,
        payload={"rule": ABOUT, "title": title, "text": text, "number": number},
        group_wait=GATHERED_SECONDS,
    )
