"""What the words of a form stand for: the person, the dashboard that is meant, and who could decide about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from datapulse_tui.workflows.rules import DECIDE
from datapulse_tui.workflows.types.base import Audience, Details, Ref

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

PERSON_TITLE = "For whom"
PERSON_HELP = "The address of the person who is to have it; empty for yourself."
REASON_TITLE = "Reason"
REASON_HELP = "Why, for those who decide."

_PERSON = "SELECT id, name, email, role, status FROM users WHERE id = CAST(:id AS uuid) OR email = :email"
_DASHBOARD = """
SELECT d.id, d.name, d.user_id AS owner_id, d.is_public, u.name AS owner, u.email AS owner_email,
       u.status = 'active' AS owner_active,
       (SELECT s.permission FROM dashboard_shares s WHERE s.dashboard_id = d.id AND s.user_id = CAST(:person AS uuid))
       AS share
FROM dashboards d JOIN users u ON u.id = d.user_id
WHERE d.id = CAST(:id AS uuid) OR (d.name = :name AND (:owner = '' OR u.email = :owner))
ORDER BY (d.user_id = CAST(:person AS uuid)) DESC, u.email LIMIT 2
"""
_ABLE = """
SELECT u.id, u.role, ARRAY(SELECT r.permissions FROM user_roles m JOIN roles r ON r.id = m.role_id
                           WHERE m.user_id = u.id) AS custom
FROM users u WHERE u.status = 'active'
"""


@dataclass(frozen=True, slots=True)
class Someone:
    """An account as it stands."""

    id: UUID
    name: str
    email: str
    role: str
    status: str

    @property
    def ref(self) -> Ref:
        """For details."""
        return Ref(self.id, self.name, {"email": self.email})


async def account(session: AsyncSession, wanted: UUID | str) -> Someone:
    """An account in any state, by id or address. Raises NotFound."""
    from sqlalchemy import text

    from datapulse_tui.people.rules import normalise_email

    by_id = isinstance(wanted, UUID)
    values = {"id": wanted if by_id else None, "email": None if isinstance(wanted, UUID) else normalise_email(wanted)}
    row = (await session.execute(text(_PERSON), values)).first()
    if row is None:
        raise NotFound("There is nobody with this address. Nothing was changed.", hint="Check the spelling.")
    return Someone(row.id, row.name, row.email, row.role, row.status)


async def beneficiary(session: AsyncSession, actor: Actor, email: str) -> Actor:
    """Who is to have it, with the rights that they have now: the active person at `email`, or whoever asks.

    Raises NotFound, and NotAllowed for an actor who is no person.
    """
    from datapulse_tui.people.actors import actor_for

    if actor.user_id is None:
        raise NotAllowed("A request is made by a person. Nothing was changed.", hint="Say in whose name: --as EMAIL.")
    return await actor_for(session, email or actor.user_id)


def person_ref(person: Actor) -> Ref:
    """For details."""
    if person.user_id is None:
        raise NotAllowed("Only a person can be given this. Nothing was changed.")
    return Ref(person.user_id, person.label, {"email": person.email})


async def no_longer_active(session: AsyncSession, details: Details) -> str:
    """Why the `person` of `details` can be given nothing (any more); empty when they can."""
    person = Ref.of(details, "person")
    try:
        found = await account(session, person.id)
    except NotFound:
        return f"The account of {person.name} is gone."
    return "" if found.status == "active" else f"The account of {found.name} is not active."


async def dashboard(session: AsyncSession, wanted: str | UUID, person: UUID | None) -> Any:
    """The dashboard called `wanted` (or `OWNER@ADDRESS/NAME`, or by its id) with the share that `person` has of it.

    Whoever knows the name may ask for access, so this asks for no right; it tells nothing else of the dashboard.
    Raises NotFound, and Invalid where several people have one of that name.
    """
    from sqlalchemy import text

    owner, name = "", str(wanted)
    if "@" in name.partition("/")[0]:
        owner, _, name = name.partition("/")
    found_id = wanted if isinstance(wanted, UUID) else as_id(wanted)
    values = {"id": found_id, "name": name, "owner": owner.lower(), "person": person}
    rows = (await session.execute(text(_DASHBOARD), values)).all()
    if not rows:
        raise NotFound("There is no such dashboard. Nothing was changed.", hint="Check the spelling of its name.")
    if len(rows) > 1:
        raise Invalid(
            f"Several people have a dashboard called {name[:80]!r}. Nothing was changed.",
            hint=f"Say whose: ADDRESS/{name[:80]}",
        )
    return rows[0]


def as_id(word: str) -> UUID | None:
    """`word` as an id, None where it is none."""
    try:
        return UUID(word)
    except ValueError:
        return None


async def require_enough(session: AsyncSession, audience: Audience, quorum: int, without: Iterable[UUID]) -> None:
    """Raise Invalid unless so many active people have the `permission:` or `role:` words of `audience`, besides
    `without`: a request that nobody can decide would only wait to expire."""
    from sqlalchemy import text

    from datapulse_tui.people.rules import effective_permissions

    able = set()
    for row in (await session.execute(text(_ABLE))).all():
        permissions = effective_permissions(row.role, row.custom)
        words = {f"role:{row.role}", *(f"permission:{word}" for word in permissions)}
        if DECIDE in permissions and not words.isdisjoint(audience.words):
            able.add(row.id)
    able.difference_update(without)
    if len(able) < quorum:
        raise Invalid(
            f"This needs the approval of {quorum} people, and there {'is' if len(able) == 1 else 'are'} only "
            f"{len(able)} besides you who could give it. Nothing was changed.",
            hint="Ask an administrator to give somebody else the right to decide.",
        )


def shown(ref: Mapping[str, str] | None) -> str:
    """A reference of details in words: a name, with the address where there is one."""
    if not ref:
        return ""
    return f"{ref['name']} ({ref['email']})" if ref.get("email") else ref["name"]
