"""Importing people from a CSV file: all of it, or nothing where one line is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from datapulse_tui.audit.service import Entry, record_many
from datapulse_tui.data import feed
from datapulse_tui.errors import Conflict
from datapulse_tui.people import import_file, invitations, rules, service
from datapulse_tui.people.holding import my_turn
from datapulse_tui.people.import_plan import Account, CustomRole, Plan, Wanted, World, make_plan
from datapulse_tui.people.many import rows
from datapulse_tui.people.role_rules import ROLES_TOPIC, known
from datapulse_tui.people.rules import Role, Status
from datapulse_tui.people.service.common import TOPIC, known_zones

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.people.import_file import File
    from datapulse_tui.people.invitations import Invited

PERMISSION = "user:view"

_ACCOUNTS = """
SELECT u.id, u.email, u.name, u.role, u.status, u.department_id, u.phone, u.timezone,
    ARRAY(SELECT m.role_id FROM user_roles m WHERE m.user_id = u.id) AS custom
FROM users u WHERE u.email = ANY(CAST(:emails AS text[]))
"""
_HELD = "SELECT FROM users WHERE email = ANY(CAST(:emails AS text[])) ORDER BY id FOR NO KEY UPDATE"
_DEPARTMENTS = "SELECT id, name FROM departments ORDER BY name FOR KEY SHARE"
_ROLES = "SELECT id, name, permissions FROM roles ORDER BY name"
_ADMINS = f"SELECT count(*) AS number FROM users WHERE role = '{Role.ADMIN}' AND status = '{Status.ACTIVE}'"  # noqa: S608
_ADD = """
INSERT INTO users (id, email, name, password, role, status, department_id, phone, timezone)
SELECT id, email, name, :password, role, status, department_id, phone, timezone
FROM jsonb_to_recordset(CAST(:people AS jsonb)) AS given(
    id uuid, email text, name text, role text, status text, department_id uuid, phone text, timezone text)
ON CONFLICT DO NOTHING RETURNING id
"""
_CHANGE = """
UPDATE users u SET updated_at = now(),
    name = CASE WHEN given.has ? 'name' THEN given.has->>'name' ELSE u.name END,
    role = CASE WHEN given.has ? 'role' THEN given.has->>'role' ELSE u.role END,
    phone = CASE WHEN given.has ? 'phone' THEN given.has->>'phone' ELSE u.phone END,
    timezone = CASE WHEN given.has ? 'timezone' THEN given.has->>'timezone' ELSE u.timezone END,
    department_id = CASE WHEN given.has ? 'department_id' THEN CAST(given.has->>'department_id' AS uuid)
        ELSE u.department_id END
FROM jsonb_to_recordset(CAST(:people AS jsonb)) AS given(id uuid, has jsonb) WHERE u.id = given.id
"""
_GIVE = """
INSERT INTO user_roles (user_id, role_id, assigned_by)
SELECT given.person, given.role, CAST(:me AS uuid)
FROM unnest(CAST(:people AS uuid[]), CAST(:roles AS uuid[])) AS given(person, role) ON CONFLICT DO NOTHING
"""
_TAKE = """
DELETE FROM user_roles m USING unnest(CAST(:people AS uuid[]), CAST(:roles AS uuid[])) AS given(person, role)
WHERE m.user_id = given.person AND m.role_id = given.role
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file did: the plan that was carried out, and who was invited (each with a code that is shown once)."""

    plan: Plan
    invited: tuple[tuple[str, Invited], ...] = ()


async def dry_run(session: AsyncSession, actor: Actor, content: bytes, *, invite: bool = False) -> Plan:
    """What `import_people` would do with a file, and what is wrong with it; nothing is changed.

    Raises Invalid where it cannot be read at all, NotAllowed without `user:view`.
    """
    actor.require(PERMISSION, "compare a file with the people who are there")
    file = import_file.read(content)
    return make_plan(file, await _world(session, file, inviting=invite, hold=False), actor)


async def import_people(session: AsyncSession, actor: Actor, content: bytes, *, invite: bool = False) -> Imported:
    """Add and change the people of a file; new ones wait, or with `invite` are invited. Where anything is wrong with
    the file nothing is changed: the plan that comes back then has problems.

    Who is there is changed where the file has a column and its cell says something else; an empty cell takes away a
    department, a phone number or all custom roles, and leaves the rest. Raises what `dry_run` raises, and Conflict
    where somebody was added meanwhile.
    """
    actor.require(PERMISSION, "compare a file with the people who are there")
    file = import_file.read(content)
    actor = await my_turn(session, actor)
    plan = make_plan(file, await _world(session, file, inviting=invite, hold=True), actor)
    if plan.problems:
        return Imported(plan)
    ids = await _add(session, plan.new)
    await _change(session, plan.changed)
    await _statuses(session, actor, plan.changed)
    await _custom(session, actor, plan, ids)
    await record_many(session, actor, list(_entries(plan, ids)))
    invited = await _invite(session, actor, plan.new, ids) if invite else ()
    touched = [ids[each.email] if each.account is None else each.account.id for each in plan.people if each.changes]
    if touched:
        await feed.emit(session, TOPIC, *touched)
    if any(each.give or each.take for each in plan.people):
        await feed.emit(session, ROLES_TOPIC)
    return Imported(plan, invited)


async def _world(session: AsyncSession, file: File, *, inviting: bool, hold: bool) -> World:
    """What the file is compared with; with `hold` it stays so until the transaction ends."""
    emails = sorted({line.cells.get("email", "").strip().lower() for line in file.lines})
    emails += [each for each in (_normal(email) for email in emails) if each not in emails]
    if hold:
        await rows(session, _HELD, emails=emails)
    departments = await rows(session, _DEPARTMENTS if hold else _DEPARTMENTS.removesuffix(" FOR KEY SHARE"))
    roles = await rows(session, f"{_ROLES} FOR SHARE" if hold else _ROLES)
    [admins] = await rows(session, _ADMINS)
    accounts = await rows(session, _ACCOUNTS, emails=emails)
    return World(
        accounts={row.email: _account(row) for row in accounts},
        departments={row.name: row.id for row in departments},
        roles={row.name: CustomRole(row.id, row.name, known(row.permissions)) for row in roles},
        active_admins=admins.number,
        zones=known_zones(),
        inviting=inviting,
    )


def _normal(email: str) -> str:
    from datapulse_tui.errors import Invalid

    try:
        return rules.normalise_email(email)
    except Invalid:
        return email.replace("\0", "")


def _account(row: Any) -> Account:
    return Account(
        row.id,
        row.email,
        row.name,
        row.role,
        row.status,
        row.department_id,
        row.phone,
        row.timezone or "UTC",
        frozenset(row.custom),
    )


# -- writing -----------------------------------------------------------------------------------------------------------


async def _add(session: AsyncSession, new: Sequence[Wanted]) -> dict[str, UUID]:
    """Write the rows of those who are new; their ids by address."""
    if not new:
        return {}
    ids = {each.email: uuid4() for each in new}
    people = [{"id": ids[each.email], "phone": None, "department_id": None, **each.fields} for each in new]
    written = await rows(session, _ADD, people=json.dumps(people, default=str), password=rules.NO_PASSWORD)
    if len(written) != len(new):
        raise Conflict(
            "Somebody of the file was added meanwhile. Nothing was changed.", hint="Look at what it does once more."
        )
    return ids


async def _change(session: AsyncSession, changed: Sequence[Wanted]) -> None:
    people = [
        {"id": each.account.id, "has": {name: value for name, value in each.fields.items() if name != "status"}}
        for each in changed
        if each.account is not None and each.fields.keys() - {"status"}
    ]
    if people:
        await _run(session, _CHANGE, people=json.dumps(people, default=str))
        session.expire_all()


async def _statuses(session: AsyncSession, actor: Actor, changed: Sequence[Wanted]) -> None:
    """Those who come before those who go, so that there is an active administrator all the time."""
    coming = [each for each in changed if each.fields.get("status") == Status.ACTIVE]
    going = [each for each in changed if each.fields.get("status") == Status.INACTIVE]
    for each in coming:
        if each.account is not None:
            await service.activate(session, actor, each.account.id)
    for each in going:
        if each.account is not None:
            await service.deactivate(session, actor, each.account.id)


async def _custom(session: AsyncSession, actor: Actor, plan: Plan, ids: dict[str, UUID]) -> None:
    given = [(_id(each, ids), role) for each in plan.people for role in each.give]
    taken = [(_id(each, ids), role) for each in plan.people for role in each.take]
    if given:
        people, roles = zip(*given, strict=True)
        await _run(session, _GIVE, people=list(people), roles=list(roles), me=actor.user_id)
    if taken:
        people, roles = zip(*taken, strict=True)
        await _run(session, _TAKE, people=list(people), roles=list(roles))


def _entries(plan: Plan, ids: dict[str, UUID]) -> Iterable[Entry]:
    """A record of each change, as the verbs for one person leave it; those of the statuses are theirs."""
    for each in plan.people:
        account, person = each.account, _id(each, ids) if each.changes else None
        if account is None:
            yield Entry("user.added", "user", person, after=each.fields, note={"import": True})
        else:
            fields = {name: value for name, value in each.fields.items() if name not in ("role", "status")}
            if fields:
                before = {name: account.zone if name == "timezone" else getattr(account, name) for name in fields}
                yield Entry("user.updated", "user", person, before=before, after=fields, note={"import": True})
            if "role" in each.fields:
                before, after = {"role": account.role}, {"role": each.fields["role"]}
                yield Entry("user.role_set", "user", person, before=before, after=after, note={"import": True})
        for role in each.give:
            yield Entry("user.role_assigned", "user", person, after={"role": plan.roles[role]}, note={"import": True})
        for role in each.take:
            yield Entry("user.role_removed", "user", person, before={"role": plan.roles[role]}, note={"import": True})


async def _invite(
    session: AsyncSession, actor: Actor, new: Sequence[Wanted], ids: dict[str, UUID]
) -> tuple[tuple[str, Invited], ...]:
    return tuple([(each.email, await invitations.invite_again(session, actor, ids[each.email])) for each in new])


def _id(wanted: Wanted, ids: dict[str, UUID]) -> UUID:
    return wanted.account.id if wanted.account is not None else ids[wanted.email]


async def _run(session: AsyncSession, sql: str, **values: object) -> None:
    from sqlalchemy import text

    await session.execute(text(sql), values)
