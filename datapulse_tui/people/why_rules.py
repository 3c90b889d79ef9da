"""Why somebody may do something, or may not, in sentences that are true. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from datapulse_tui.people.role_rules import first_role
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role, Status


class Kind(StrEnum):
    """What a reason speaks of."""

    ACCOUNT = "account"
    BUILT_IN = "built-in role"
    CUSTOM = "custom role"
    KEY = "API key"
    REACH = "reach"


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence. `gives` is True where it is why they may, False where it is why they may not, None where it only
    says how far that reaches. `at` is since when, where that is known."""

    kind: Kind
    gives: bool | None
    words: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A custom role of the person that has the permission: who gave it (empty: an operator, or not known), and when."""

    role: str
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class KeyScope:
    """A living API key of the person, and whether the permission is among its scopes."""

    name: str
    prefix: str
    has: bool


_GRANTED = "Only on the sources that are granted to them; source:manage reaches them all."
_RECEIVED = "Only incidents that they receive; {all} reaches every one."
_NOT_ABOVE = "Never on somebody, or with a role, that may do more than they may themselves."

# How far a permission reaches. What is not named here reaches everything that it speaks of.
REACH: Mapping[str, str] = MappingProxyType(
    {
        "dashboard:view": "Which dashboards, ownership and shares decide: their own, the public ones and those shared "
        "with them; dashboard:manage opens the others.",
        "dashboard:create": "Of dashboards that are there, ownership and shares decide: their own, and those shared "
        "with them for editing; dashboard:manage reaches the others.",
        "dashboard:share": "Only dashboards of their own; dashboard:manage reaches the others.",
        "dashboard:publish": "Only dashboards of their own; dashboard:manage reaches the others.",
        "source:query": _GRANTED,
        "query:view": _GRANTED,
        "query:create": _GRANTED,
        "model:create": "Data models of their own; model:manage reaches the others.",
        "alert:view": _RECEIVED.format(all="alert:view_all"),
        "alert:comment": _RECEIVED.format(all="alert:view_all"),
        "alert:triage": _RECEIVED.format(all="alert:triage_all"),
        "alert:create": "Only rules of their own, on sources that are granted to them; alert:manage reaches the "
        "others.",
        "workflow:request": "Withdrawing and changing reaches only requests of their own.",
        "workflow:comment": "Only requests that they see: their own, those they decide, and all with "
        "workflow:view_all.",
        "workflow:decide": "Only requests that wait for them, and never their own or one in which they stand in for "
        "who made it.",
        "workflow:delegate": "For themselves; for somebody else workflow:manage does it.",
        "report:view": "Only reports that are sent to them.",
        "report:create": "Reports of their own, of dashboards that they may open.",
        "bulletin:create": "Changing and archiving reaches only bulletins of their own; bulletin:manage the others.",
        "user:update": _NOT_ABOVE,
        "user:create": _NOT_ABOVE,
        "user:activate": _NOT_ABOVE,
        "user:deactivate": _NOT_ABOVE,
        "user:set_role": _NOT_ABOVE,
        "user:set_password": _NOT_ABOVE,
        "role:manage": _NOT_ABOVE,
        "role:assign": _NOT_ABOVE,
        "apikey:create": "Keys of their own, with no more than they may do themselves.",
        "sshkey:create": "Keys of their own; an administrator admits them.",
    }
)

# What everybody may do with what is theirs, without the permission.
ANYWAY: Mapping[str, str] = MappingProxyType(
    {
        "user:view": "Their own account they see without it.",
        "user:update": "Their own name, time zone and phone they change without it.",
        "user:set_password": "Their own password they change without it.",
        "role:view": "Their own roles they see without it.",
        "session:manage": "Their own sessions they see and end without it.",
    }
)


def may(permission: str, role: str, status: str, grants: Sequence[Grant]) -> bool:
    """Whether somebody may, whatever it is done with: their account is active, and a role of theirs has it."""
    return status == Status.ACTIVE and (permission in ROLE_PERMISSIONS[Role(role)] or bool(grants))


def reasons(
    permission: str,
    *,
    role: str,
    status: str,
    grants: Sequence[Grant],
    others: Sequence[str] = (),
    keys: Sequence[KeyScope] = (),
) -> tuple[Reason, ...]:
    """Why somebody with this built-in role and status may do what `permission` says, or may not.

    `grants` are their custom roles that have it, `others` the names of custom roles that have it and are not theirs.
    """
    built_in = permission in ROLE_PERMISSIONS[Role(role)]
    found = [_account(status), _built_in(permission, role, has=built_in)]
    found += [_custom(each) for each in grants]
    has = built_in or bool(grants)
    if not has:
        found.append(Reason(Kind.CUSTOM, False, "None of their custom roles has it."))
        if others:
            named = ", ".join(others)
            found.append(Reason(Kind.CUSTOM, None, f"Custom roles that would give it: {named}."))
    if has:
        found += [_key(each) for each in keys]
        found.append(Reason(Kind.REACH, None, REACH.get(permission, _EVERYTHING)))
    if permission in ANYWAY:
        found.append(Reason(Kind.REACH, None, ANYWAY[permission]))
    return tuple(each for each in found if each is not None)


_EVERYTHING = "It holds wherever it applies: ownership and shares do not matter for it."


def _account(status: str) -> Reason | None:
    if status == Status.ACTIVE:
        return None
    why = {
        Status.PENDING.value: "Their account waits for its activation, so they may do nothing yet.",
        Status.INACTIVE.value: "Their account is deactivated, so they may do nothing, whatever their roles say.",
    }
    return Reason(Kind.ACCOUNT, False, why.get(status, f"Their account is {status}."))


def _built_in(permission: str, role: str, *, has: bool) -> Reason:
    first = first_role(permission)
    if not has:
        higher = [each.value for each in Role if permission in ROLE_PERMISSIONS[each]]
        words = f"Their role {role} does not come with it; {_and(higher)} {'do' if len(higher) > 1 else 'does'}."
        return Reason(Kind.BUILT_IN, False, words)
    if first == role:
        return Reason(Kind.BUILT_IN, True, f"It comes with their role {role}.")
    return Reason(Kind.BUILT_IN, True, f"It comes with their role {role}, which may do all that {first} may.")


def _custom(grant: Grant) -> Reason:
    by = f", given by {grant.given_by}" if grant.given_by else ""
    return Reason(Kind.CUSTOM, True, f"It is in their custom role {grant.role}{by}.", grant.given_at)


def _key(key: KeyScope) -> Reason:
    called = f"{key.name} ({key.prefix}…)" if key.prefix else key.name
    if key.has:
        return Reason(Kind.KEY, None, f"Their API key {called} has it in its scopes.")
    return Reason(Kind.KEY, None, f"Not with their API key {called}: its scopes leave it out.")


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
