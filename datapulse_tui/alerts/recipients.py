"""Who is told of a rule's incidents: its channels and recipients turned into people and addresses as they are now.

Nobody is left out silently: whoever cannot be told comes with the `problem` that says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from datapulse_tui.alerts.evaluation import bulk

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

Level = Literal["first", "second"]

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody, or some address, to be told through one channel.

    `level`: second recipients are told when nobody acknowledged. `user_id` is None for plain addresses and for slack
    and webhook channels, which are recipients themselves (then `address` is empty). `zone` is the person's, else that
    of the rule's owner. A `problem` (words for "why was I not told?") means: do not send.
    """

    level: Level
    channel_type: str
    channel_id: UUID | None
    channel: str
    user_id: UUID | None
    name: str
    address: str
    zone: str
    digest: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Rule:
    owner: UUID
    zone: str
    digest: bool


class _World:
    """The people, groups and channels that some rules name."""

    def __init__(self, people: Iterable[Any], channels: Iterable[Any], departments: Iterable[Any]) -> None:
        self.people: dict[UUID | None, Any] = {row.id: row for row in people}
        self.channels = {row.id: row for row in channels}
        self.defaults = {row.type: row for row in self.channels.values() if row.is_default}
        self.departments: Mapping[UUID | None, str] = {row.id: row.name for row in departments}
        self._groups: dict[str, list[Any]] = {}
        for row in sorted(self.people.values(), key=lambda each: each.email):
            for group in (
                f"role:{row.role}",
                *(f"role:{name}" for name in row.roles),
                f"department:{row.department_id}",
            ):
                self._groups.setdefault(group, []).append(row)

    def members(self, group: str) -> list[Any]:
        """The active people in `role:NAME` or `department:ID`, by address."""
        return [row for row in self._groups.get(group, ()) if row.status == "active"]


_RULES = """
SELECT a.id, a.user_id, a.channels::text AS channels, a.escalation_channels::text AS escalation_channels,
       a.frequency, u.timezone
FROM alerts a JOIN users u ON u.id = a.user_id WHERE a.id = ANY(CAST(:ids AS uuid[]))
"""
_PEOPLE = """
SELECT u.id, u.name, u.email, coalesce(u.phone, '') AS phone, u.role, u.status, u.department_id,
       coalesce(u.timezone, 'UTC') AS zone,
       ARRAY(SELECT r.name FROM user_roles m JOIN roles r ON r.id = m.role_id WHERE m.user_id = u.id) AS roles
FROM users u
WHERE u.id = ANY(CAST(:people AS uuid[])) OR u.department_id = ANY(CAST(:departments AS uuid[]))
   OR u.role = ANY(CAST(:roles AS text[]))
   OR EXISTS (SELECT FROM user_roles m JOIN roles r ON r.id = m.role_id
              WHERE m.user_id = u.id AND r.name = ANY(CAST(:roles AS text[])))
"""
_CHANNELS = "SELECT id, name, type, is_active, is_default FROM notification_channels"
_DEPARTMENTS = "SELECT id, name FROM departments WHERE id = ANY(CAST(:departments AS uuid[]))"


async def recipients(session: Reader, alert_ids: Sequence[UUID]) -> dict[UUID, tuple[Recipient, ...]]:
    """Who is told of the incidents of each rule, first recipients before second ones; everybody once a channel.

    A few statements, however many rules. A rule that is not there has no entry.
    """
    from datapulse_tui.data.glance import fetch

    rows = await fetch(session, _RULES, {"ids": bulk.plain(set(alert_ids))})
    # Most of thousands of rules name the same channels and people: those are worked out once.
    channels = {text: json.loads(text) for row in rows for text in (row.channels, row.escalation_channels)}
    terms = {term for some in channels.values() for each in some for term in each.get("to", ())}
    world = await _world(session, terms, {row.user_id for row in rows})
    known: dict[tuple[object, ...], tuple[Recipient, ...]] = {}
    found: dict[UUID, tuple[Recipient, ...]] = {}
    for id_, *named in rows:
        alike = tuple(named)
        if alike not in known:
            owner, first, second, frequency, zone = alike
            rule = _Rule(owner, zone or "UTC", frequency == "digest")
            known[alike] = (
                *_once(_expanded(world, rule, "first", channels[first])),
                *_once(_expanded(world, rule, "second", channels[second])),
            )
        found[id_] = known[alike]
    return found


async def keepers(session: Reader, alert_ids: Sequence[UUID]) -> dict[UUID, tuple[Recipient, ...]]:
    """Who hears that a rule itself is in trouble (error, no data): its owner by e-mail, or every active administrator
    where the owner's account is not active."""
    from datapulse_tui.data.glance import fetch

    rows = await fetch(session, _RULES, {"ids": bulk.plain(set(alert_ids))})
    world = await _world(session, {"role:admin"}, {row.user_id for row in rows})
    found: dict[UUID, tuple[Recipient, ...]] = {}
    for row in rows:
        rule = _Rule(row.user_id, row.timezone or "UTC", digest=False)
        owner = world.people[row.user_id]
        people = [owner] if owner.status == "active" else world.members("role:admin")
        route = _route(world, rule, "first", {"type": "email"})
        found[row.id] = tuple(_to_person(route, person) for person in people)
    return found


async def _world(session: Reader, terms: Iterable[str], owners: Iterable[UUID]) -> _World:
    from datapulse_tui.data.glance import fetch

    people, departments, roles = set(owners), set[UUID](), set[str]()
    for term in terms:
        kind, _, rest = term.partition(":")
        if kind == "role":
            roles.add(rest)
        elif kind in ("person", "department") and _ID.fullmatch(rest):
            (people if kind == "person" else departments).add(UUID(rest))
    named = {"people": list(people), "departments": list(departments), "roles": list(roles)}
    return _World(
        await fetch(session, _PEOPLE, named),
        await fetch(session, _CHANNELS),
        await fetch(session, _DEPARTMENTS, {"departments": list(departments)}),
    )


def _expanded(world: _World, rule: _Rule, level: Level, channels: Iterable[Mapping[str, Any]]) -> Iterable[Recipient]:
    for channel in channels:
        route = _route(world, rule, level, channel)
        if channel["type"] in ("slack", "webhook"):
            yield replace(route, name=route.channel or channel["type"])
            continue
        for term in channel.get("to", ()):
            yield from _to_term(world, rule, route, term)


def _route(world: _World, rule: _Rule, level: Level, channel: Mapping[str, Any]) -> Recipient:
    """The way through a channel, without whom it leads to."""
    type_, wanted = str(channel["type"]), channel.get("channel")
    row = world.defaults.get(type_)
    if wanted:
        row = world.channels.get(UUID(wanted)) if _ID.fullmatch(wanted) else None
    problem = ""
    if row is None:
        problem = "the channel was deleted" if wanted else f"no {type_} channel is set up as default"
    elif not row.is_active:
        problem = f"the channel {row.name} is switched off"
    return Recipient(
        level=level,
        channel_type=type_,
        channel_id=row.id if row else None,
        channel=row.name if row else "",
        user_id=None,
        name="",
        address="",
        zone=rule.zone,
        digest=rule.digest,
        problem=problem,
    )


def _to_term(world: _World, rule: _Rule, route: Recipient, term: str) -> Iterable[Recipient]:
    """The recipients that one stored term (`owner`, `person:ID`, `role:NAME`, ...) stands for."""
    kind, _, rest = term.partition(":")
    if kind == "address":
        yield replace(route, name=rest, address=rest)
    elif kind in ("role", "department"):
        members = world.members(term)
        if not members:
            department = world.departments.get(_uuid(rest), "that was deleted")
            group = rest if kind == "role" else department
            problem = f"nobody active is in the {kind} {group}"
            yield replace(route, name=f"{kind} {group}", problem=route.problem or problem)
        for person in members:
            yield _to_person(route, person)
    else:
        person = world.people.get(rule.owner if kind == "owner" else _uuid(rest))
        if person is None:
            yield replace(route, name="somebody", problem=route.problem or "this person is no longer known")
        else:
            yield _to_person(route, person)


def _to_person(route: Recipient, person: Any) -> Recipient:
    problem = route.problem
    if person.status != "active":
        problem = problem or (
            "the account is deactivated" if person.status == "inactive" else "the account is not active yet"
        )
    address = person.phone if route.channel_type == "sms" else person.email
    if not address:
        problem = problem or "there is no phone number in the account"
    return replace(route, user_id=person.id, name=person.name, address=address, zone=person.zone, problem=problem)


def _uuid(text: str) -> UUID | None:
    return UUID(text) if _ID.fullmatch(text) else None


def _once(found: Iterable[Recipient]) -> list[Recipient]:
    """Everybody once a channel, however often they are named."""
    kept: dict[tuple[object, ...], Recipient] = {}
    for each in found:
        kept.setdefault((each.channel_type, each.channel_id, each.user_id, each.address or each.name), each)
    return list(kept.values())
