"""People, roles, departments, keys and sessions. `above` is somebody, or a role, that may do what a deputy may not."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import Conflict, Invalid, NotFound
from datapulse_tui.people import (
    api_keys,
    completion,
    department_reads,
    departments,
    detail,
    editing,
    editing_many,
    exporting,
    hand_over,
    importing,
    invitations,
    key_reads,
    listing,
    own_password,
    reads,
    role_reads,
    roles,
    secret_rotation,
    service,
    sessions,
    ssh_keys,
    why,
)
from tests.permissions.table import (
    ADMIN,
    ADMINS,
    ANALYST,
    DEPUTIES,
    DEPUTY,
    EVERYBODY,
    NOBODY,
    OPERATORS,
    OPS,
    PEOPLE,
    THEMSELVES,
    Call,
    Decision,
    Who,
    may,
)
from tests.permissions.world import HEIR, PASSWORD, REGENT, Cell

KEY_MAKERS: Who = frozenset({ANALYST, OPS, ADMIN, DEPUTY})
EVERYTHING = Actor(None, "system:tests", everything=True)
CSV = b"email,name,role\nnew@example.org,New,business_user\n"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@here"
CHANGE = editing_many.Change(editing_many.Way.ACTIVATE)


def keeping(call: Call, *, prepare: Call | None = None) -> Decision:
    """What is done with other people: by who has the permission, and not with those who may do more than they."""
    return may(call, prepare=prepare, foreign=DEPUTIES, above=ADMINS)


def looking(call: Call) -> Decision:
    """What is seen of everybody."""
    return may(call, any=DEPUTIES)


async def inactive(cell: Cell) -> None:
    """They are deactivated."""
    await cell.session.execute(text("UPDATE users SET status = 'inactive' WHERE id = :id"), {"id": cell.user})


async def given(cell: Cell) -> None:
    """The stranger has the role."""
    statement = text("INSERT INTO user_roles (user_id, role_id) VALUES (:user, :role)")
    await cell.session.execute(statement, {"user": cell.stranger, "role": cell["role"]})


async def delayed(cell: Cell) -> None:
    """Somebody tried their password too often."""
    statement = text(
        "INSERT INTO sign_in_attempts (email) SELECT email FROM users, generate_series(1, 9) WHERE id = :id"
    )
    await cell.session.execute(statement, {"id": cell.user})


async def waiting(cell: Cell) -> None:
    """They wait for their invitation to be accepted."""
    await cell.session.execute(
        text("UPDATE users SET status = 'pending', password = '!' WHERE id = :id"), {"id": cell.user}
    )
    await invitations.invite_again(cell.session, EVERYTHING, cell.user, mail=False)


async def seen(cell: Cell) -> list[tuple[object, object]]:
    """The account in the version in which it stands."""
    return [tuple(row) for row in await cell.rows("SELECT id, updated_at FROM users WHERE id = :id", id=cell.user)]


async def changed(cell: Cell, verb: object) -> None:
    """A verb on many: where it was not done with the one, its reason is what is asked for."""
    [became] = await verb(cell.session, cell.actor, await seen(cell), CHANGE)  # type: ignore[operator]
    if not became.done:
        raise NotFound(became.message)


async def exported(cell: Cell) -> object:
    async with cell.apart() as data:
        return await exporting.export(data, cell.actor, lambda _: None)


async def exported_to_a_file(cell: Cell) -> object:
    with TemporaryDirectory() as folder:
        async with cell.apart() as data:
            return await exporting.export_file(data, cell.actor, Path(folder) / "people.csv")


DECISIONS: dict[str, Decision] = {
    # -- accounts
    "people.service.accounts.add_user": may(
        lambda c: service.add_user(c.session, c.actor, email="new@example.org", name="New"), any=DEPUTIES
    ),
    "people.service.accounts.first_admin": may(
        lambda c: service.first_admin(
            c.session, c.actor, email="new@example.org", name="New", password="correct horse battery"
        ),
        Conflict,
        any=OPERATORS,
    ),
    "people.service.accounts.activate": keeping(
        lambda c: service.activate(c.session, c.actor, c.user), prepare=inactive
    ),
    "people.service.accounts.deactivate": keeping(lambda c: service.deactivate(c.session, c.actor, c.user)),
    "people.service.credentials.set_password": keeping(
        lambda c: service.set_password(c.session, c.actor, c.user, "another horse battery")
    ),
    "people.service.credentials.reset_password": keeping(lambda c: service.reset_password(c.session, c.actor, c.user)),
    "people.service.credentials.unlock": keeping(lambda c: service.unlock(c.session, c.actor, c.user), prepare=delayed),
    "people.service.giving.set_role": keeping(lambda c: service.set_role(c.session, c.actor, c.user, "analyst")),
    "people.service.giving.raise_role": keeping(lambda c: service.raise_role(c.session, c.actor, c.user, "analyst")),
    "people.service.profiles.set_profile": may(
        lambda c: service.set_profile(c.session, c.actor, c.user, name="Other"),
        own=PEOPLE,
        foreign=DEPUTIES,
        above=ADMINS,
    ),
    "people.service.profiles.set_preference": may(
        lambda c: service.set_preference(c.session, c.actor, "theme", "dark"), any=THEMSELVES
    ),
    "people.own_password.change_own_password": may(
        lambda c: own_password.change_own_password(c.data, c.actor, PASSWORD, "another horse battery"),
        any=PEOPLE,
    ),
    "people.editing.update": keeping(lambda c: editing.update(c.session, c.actor, c.user, None, {"name": "Other"})),
    "people.editing_many.change_many": keeping(lambda c: changed(c, editing_many.change_many), prepare=inactive),
    "people.editing_many.preview": keeping(lambda c: changed(c, editing_many.preview), prepare=inactive),
    "people.importing.dry_run": looking(lambda c: importing.dry_run(c.session, c.actor, CSV)),
    "people.importing.import_people": looking(lambda c: importing.import_people(c.session, c.actor, CSV)),
    "people.exporting.export": looking(exported),
    "people.exporting.export_file": looking(exported_to_a_file),
    "people.invitations.invite": looking(
        lambda c: invitations.invite(
            c.session, c.actor, email="new@example.org", name="New", role="analyst", mail=False
        )
    ),
    "people.invitations.invite_again": keeping(
        lambda c: invitations.invite_again(c.session, c.actor, c.user, mail=False), prepare=waiting
    ),
    "people.invitations.revoke_invitation": keeping(
        lambda c: invitations.revoke_invitation(c.session, c.actor, c.user), prepare=waiting
    ),
    # Of the administrator somebody else stands in for the same person already: whoever may hand over is told so.
    "people.hand_over.hand_over": may(
        lambda c: hand_over.hand_over(
            c.session, c.actor, c.user, c.world.people[HEIR if c.whose == "foreign" else REGENT]
        ),
        Conflict,
        foreign=DEPUTIES,
        above=ADMINS,
    ),
    "people.hand_over.held": may(
        lambda c: hand_over.held(c.session, c.actor, c.user), own=THEMSELVES, foreign=DEPUTIES, above=DEPUTIES
    ),
    # -- reads
    "people.reads.list_users": looking(lambda c: reads.list_users(c.session, c.actor)),
    "people.reads.get_user": may(
        lambda c: reads.get_user(c.session, c.actor, c.user), own=THEMSELVES, foreign=DEPUTIES, above=DEPUTIES
    ),
    "people.reads.own_profile": may(lambda c: reads.own_profile(c.session, c.actor), any=THEMSELVES),
    "people.detail.get_person": may(
        lambda c: detail.get_person(c.session, c.actor, c.user), own=THEMSELVES, foreign=DEPUTIES, above=DEPUTIES
    ),
    "people.listing.list_people": looking(lambda c: listing.list_people(c.session, c.actor)),
    "people.listing.these_people": looking(lambda c: listing.these_people(c.session, c.actor, [c.stranger])),
    "people.listing.count": looking(lambda c: listing.count(c.session, c.actor, "")),
    "people.completion.complete": looking(lambda c: completion.complete(c.session, c.actor, "role:", 5)),
    "people.why.why": may(
        lambda c: why.why(c.session, c.actor, c.user, "audit:view"),
        own=THEMSELVES,
        foreign=DEPUTIES,
        above=DEPUTIES,
    ),
    # -- roles
    "people.roles.create": looking(lambda c: roles.create(c.session, c.actor, name="new", permissions=["user:find"])),
    "people.roles.update": keeping(lambda c: roles.update(c.session, c.actor, c["role"], description="other")),
    "people.roles.delete": keeping(lambda c: roles.delete(c.session, c.actor, c["role"])),
    "people.roles.give": keeping(lambda c: roles.give(c.session, c.actor, c.stranger, c["role"])),
    "people.roles.give_many": keeping(lambda c: roles.give_many(c.session, c.actor, [c.stranger], c["role"])),
    "people.roles.take": keeping(lambda c: roles.take(c.session, c.actor, c.stranger, c["role"]), prepare=given),
    "people.roles.take_many": keeping(
        lambda c: roles.take_many(c.session, c.actor, [c.stranger], c["role"]), prepare=given
    ),
    "people.role_reads.built_in_roles": looking(lambda c: role_reads.built_in_roles(c.session, c.actor)),
    "people.role_reads.custom_roles": looking(lambda c: role_reads.custom_roles(c.session, c.actor)),
    "people.role_reads.get_role": looking(lambda c: role_reads.get_role(c.session, c.actor, "admin")),
    "people.role_reads.holders": looking(lambda c: role_reads.holders(c.session, c.actor, "admin")),
    "people.role_reads.roles_of": may(
        lambda c: role_reads.roles_of(c.session, c.actor, c.user), own=THEMSELVES, foreign=DEPUTIES, above=DEPUTIES
    ),
    "people.role_reads.candidates": may(lambda c: role_reads.candidates(c.session, c.actor), any=EVERYBODY),
    "people.role_reads.people_called": may(
        lambda c: role_reads.people_called(c.session, c.actor, ["zoe@example.org"]), any=EVERYBODY
    ),
    # -- departments
    "people.departments.create": looking(lambda c: departments.create(c.session, c.actor, name="new")),
    "people.departments.update": may(
        lambda c: departments.update(c.session, c.actor, c["department"], name="other"), foreign=DEPUTIES
    ),
    "people.departments.set_head": may(
        lambda c: departments.set_head(c.session, c.actor, c["department"], c.stranger), foreign=DEPUTIES
    ),
    "people.departments.delete": may(
        lambda c: departments.delete(c.session, c.actor, c["department"]), foreign=DEPUTIES
    ),
    "people.departments.move": keeping(
        lambda c: departments.move(c.session, c.actor, [c.user], c.thing("department", "spare"))
    ),
    "people.department_reads.list_departments": may(
        lambda c: department_reads.list_departments(c.session, c.actor), any=EVERYBODY
    ),
    "people.department_reads.get_department": may(
        lambda c: department_reads.get_department(c.session, c.actor, c["department"]), foreign=EVERYBODY
    ),
    "people.department_reads.members": may(
        lambda c: department_reads.members(c.session, c.actor, c["department"]), foreign=EVERYBODY
    ),
    # -- sessions
    "people.sessions.begin": may(lambda c: sessions.begin(c.session, c.actor), any=THEMSELVES),
    "people.sessions.end": may(lambda c: sessions.end(c.session, c.actor, c["session"]), own=PEOPLE, foreign=ADMINS),
    "people.sessions.end_all": may(
        lambda c: sessions.end_all(c.session, c.actor, c.user), own=PEOPLE, foreign=DEPUTIES, above=ADMINS
    ),
    "people.sessions.live_sessions": may(
        lambda c: sessions.live_sessions(c.session, c.actor, user_id=c.user),
        own=THEMSELVES,
        foreign=DEPUTIES,
        above=DEPUTIES,
    ),
    # -- keys
    "people.api_keys.create": may(
        lambda c: api_keys.create(c.session, c.actor, c.box, name="new", scopes=["query:view"]), any=KEY_MAKERS
    ),
    "people.api_keys.rotate": may(
        lambda c: api_keys.rotate(c.session, c.actor, c.box, c["api_key"]), own=KEY_MAKERS, foreign=NOBODY
    ),
    "people.api_keys.revoke": may(
        lambda c: api_keys.revoke(c.session, c.actor, [c["api_key"]]), own=PEOPLE, foreign=DEPUTIES
    ),
    "people.ssh_keys.request": may(lambda c: ssh_keys.request(c.session, c.actor, PUBLIC_KEY), any=PEOPLE),
    "people.ssh_keys.add_for": keeping(lambda c: ssh_keys.add_for(c.session, c.actor, c.user, PUBLIC_KEY)),
    "people.ssh_keys.admit": may(
        lambda c: ssh_keys.admit(c.session, c.actor, [c["ssh_key"]]), own=frozenset({ADMIN, DEPUTY}), foreign=ADMINS
    ),
    "people.ssh_keys.revoke": may(
        lambda c: ssh_keys.revoke(c.session, c.actor, [c["ssh_key"]]), own=PEOPLE, foreign=DEPUTIES
    ),
    "people.key_reads.list_api_keys": may(
        lambda c: key_reads.list_api_keys(c.session, c.actor, everybody=True), any=DEPUTIES
    ),
    "people.key_reads.list_ssh_keys": may(
        lambda c: key_reads.list_ssh_keys(c.session, c.actor, everybody=True), any=DEPUTIES
    ),
    "people.key_reads.named_api_key": may(
        lambda c: key_reads.named_api_key(c.session, c.actor, str(c["api_key"])), own=PEOPLE, foreign=DEPUTIES
    ),
    "people.key_reads.named_ssh_key": may(
        lambda c: key_reads.named_ssh_key(c.session, c.actor, str(c["ssh_key"])), own=PEOPLE, foreign=DEPUTIES
    ),
    # The key comes from the environment here, where only its keeper changes it: an operator is told so.
    "people.secret_rotation.status": may(lambda c: secret_rotation.status(c.session, c.actor, c.box), any=OPERATORS),
    "people.secret_rotation.rotate": may(
        lambda c: secret_rotation.rotate(c.data, c.actor, c.box), Invalid, any=OPERATORS
    ),
    "people.secret_rotation.drop_old": may(
        lambda c: secret_rotation.drop_old(c.data, c.actor, c.box), Invalid, any=OPERATORS
    ),
}

NOT_VERBS: dict[str, str] = {
    "people.actors.actor_now": "the rights of the moment, which every cell of the matrix begins with",
    "people.sessions.actor_here": "the same for a desk's own session",
    "people.sessions.touch": "a desk tells that it is there",
    "people.sessions.come_back": "a desk tells that it is there again",
    "people.key_sign_in.still_allowed": "whether the key that acts is still good",
    "people.editing.changed_by_others": "names for a Conflict, for verbs that have asked for the right",
    **dict.fromkeys(
        (
            "people.belongings.give_all",
            "people.belongings.moved",
            "people.hand_over.give",
            "people.hand_over.give_unheld",
            "people.holding.locked",
            "people.holding.my_turn",
            "people.invitations.close",
            "people.many.above",
            "people.many.hold_people",
            "people.service.common.change",
            "people.service.common.insert_user",
            "people.service.profiles.show",
            "people.sessions.close",
        ),
        "a step of the verbs of its room, which have asked for the right",
    ),
}
