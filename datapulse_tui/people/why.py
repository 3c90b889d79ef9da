"""Why may somebody do this, or why not: for any person and any permission."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.errors import NotFound
from datapulse_tui.people import role_rules, rules, why_rules
from datapulse_tui.people.why_rules import Grant, KeyScope, Reason

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

NAMED = 5  # custom roles that would give it, named at most
SEE_KEYS = "apikey:manage"


@dataclass(frozen=True, slots=True)
class Why:
    """The answer: whether they may, and why. `explanation` completes "lets a person ..."."""

    user_id: UUID
    name: str
    email: str
    role: str
    permission: str
    explanation: str
    may: bool
    reasons: tuple[Reason, ...]


_PERSON = "SELECT id, name, email, role, status FROM users WHERE "
_GRANTS = """
SELECT r.name AS role, coalesce(g.name, '') AS given_by, h.assigned_at AS given_at
FROM user_roles h JOIN roles r ON r.id = h.role_id LEFT JOIN users g ON g.id = h.assigned_by
WHERE h.user_id = :person AND r.permissions ? :word ORDER BY h.assigned_at, r.name
"""
_OTHERS = "SELECT name FROM roles WHERE permissions ? :word ORDER BY name LIMIT :most"
_KEYS = """
SELECT name, coalesce(prefix, '') AS prefix, permissions ? :word AS has FROM api_keys
WHERE user_id = :person AND is_active AND revoked_at IS NULL AND expires_at > now() ORDER BY created_at, id LIMIT 20
"""


async def why(reader: Reader, actor: Actor, person: UUID | str, permission: str) -> Why:
    """Why a person (by id or address) may do what `permission` says, or why not.

    For oneself, or with `role:view`; other people's API keys are told with `apikey:manage`. Raises NotAllowed,
    NotFound, and Invalid for a word that is no permission.
    """
    from datapulse_tui.data.glance import fetch

    word = role_rules.checked_permission(permission)
    wanted = person if isinstance(person, UUID) else rules.normalise_email(person)
    if wanted not in (actor.user_id, actor.email):
        actor.require(role_rules.VIEW, "see why others may do something")
    condition = "id = :who" if isinstance(wanted, UUID) else "email = :who"
    found = await fetch(reader, _PERSON + condition, {"who": wanted})
    if not found:
        raise NotFound("There is no such person.", hint="`datapulse user list` shows everybody.")
    who = found[0]
    values = {"person": who.id, "word": word}
    grants = [Grant(*row) for row in await fetch(reader, _GRANTS, values)]
    others: list[str] = []
    if not grants and actor.can(role_rules.VIEW):
        others = [row.name for row in await fetch(reader, _OTHERS, {"word": word, "most": NAMED})]
    keys: list[KeyScope] = []
    if who.id == actor.user_id or actor.can(SEE_KEYS):
        keys = [KeyScope(*row) for row in await fetch(reader, _KEYS, values)]
    reasons = why_rules.reasons(word, role=who.role, status=who.status, grants=grants, others=others, keys=keys)
    may = why_rules.may(word, who.role, who.status, grants)
    return Why(who.id, who.name, who.email, who.role, word, rules.PERMISSIONS[word], may, reasons)
