"""Decisions about roles: their names, the words they are made of, and how they are explained. Pure."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from datapulse_tui.errors import Invalid
from datapulse_tui.people.rules import PERMISSIONS, ROLE_PERMISSIONS, Role

ROLES_TOPIC = "roles"
KIND = "role"  # in the trail
VIEW, MANAGE, ASSIGN = "role:view", "role:manage", "role:assign"

NAME_LENGTH = 50
DESCRIPTION_LENGTH = 1_000

BUILT_IN_ABOUT: Mapping[Role, str] = MappingProxyType(
    {
        Role.BUSINESS_USER: "Views what is shared with them, answers what they receive, and makes requests.",
        Role.ANALYST: "Also queries the sources that they are granted, and makes dashboards, queries and reports.",
        Role.OPS_MANAGER: "Also makes rules, triages every incident, and decides requests.",
        Role.ADMIN: "Everything.",
    }
)
"""What each built-in role is for, in a sentence."""


@dataclass(frozen=True, slots=True)
class Permission:
    """A word of the list of permissions. `explanation` completes "lets a person ...", `first` is the lowest built-in
    role that comes with it."""

    word: str
    resource: str
    explanation: str
    first: Role


def first_role(word: str) -> Role:
    """The lowest built-in role that comes with a permission. Every permission has one: administrators have all."""
    return next(role for role in Role if word in ROLE_PERMISSIONS[role])


LIST: tuple[Permission, ...] = tuple(
    Permission(word, word.partition(":")[0], explanation, first_role(word)) for word, explanation in PERMISSIONS.items()
)
"""Every permission, in the order in which people read them."""


def listed(words: Collection[str] | None = None, text: str = "") -> tuple[Permission, ...]:
    """The permissions among `words` (None: all) of which every word of `text` is a part."""
    wanted = text.casefold().split()
    return tuple(
        each
        for each in LIST
        if (words is None or each.word in words)
        and all(part in f"{each.word} {each.explanation}".casefold() for part in wanted)
    )


def grouped(permissions: Iterable[Permission]) -> tuple[tuple[str, tuple[Permission, ...]], ...]:
    """Permissions by the resource that they are about, in their order."""
    groups: dict[str, list[Permission]] = {}
    for each in permissions:
        groups.setdefault(each.resource, []).append(each)
    return tuple((resource, tuple(group)) for resource, group in groups.items())


def known(words: Iterable[str]) -> frozenset[str]:
    """Those of a stored role's words that are permissions; any other gives nothing."""
    return frozenset(word for word in words if word in PERMISSIONS)


def checked_permissions(words: Iterable[str]) -> list[str]:
    """Words for a role as they are stored: each once, in the order of the list. Raises Invalid for one that is not a
    permission, naming those that look like it."""
    given = [word.strip() for word in words]
    for word in given:
        checked_permission(word)
    return [word for word in PERMISSIONS if word in given]


def checked_permission(word: str) -> str:
    """A permission as people typed it. Raises Invalid with what it may have been meant to be."""
    found = word.strip()
    if found not in PERMISSIONS:
        close = difflib.get_close_matches(found[:100], PERMISSIONS, n=3)
        meant = f"Did you mean {', '.join(close)}? " if close else ""
        raise Invalid(
            f"{found[:100]!r} is not a permission. Nothing was changed.",
            hint=f"{meant}`datapulse role permissions` lists them all.",
        )
    return found


def checked_name(text: str) -> str:
    """A custom role's name as it is stored. Raises Invalid; a built-in role's name, however it is written, is taken."""
    name = title(text, NAME_LENGTH, "role")
    if built_in(name) is not None:
        raise Invalid(f"{name!r} is the name of a built-in role. Nothing was changed.", hint="Give another name.")
    return name


def built_in(name: str) -> Role | None:
    """The built-in role of that name, also with blanks or in capitals."""
    plain = "_".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").replace("-", " ").split())
    return Role(plain) if plain in tuple(Role) else None


def title(text: str, longest: int, noun: str) -> str:
    """A name of a thing, on one line and of what can be seen, composed and trimmed. Raises Invalid."""
    name = unicodedata.normalize("NFC", text.strip())
    if not name or len(name) > longest or not name.isprintable():
        raise Invalid(
            f"A {noun}'s name has 1 to {longest} characters on one line. Nothing was changed.",
            hint="Leave out line ends and characters that cannot be seen.",
        )
    return name


def description(text: str) -> str | None:
    """A description as it is stored: None for an empty one. Raises Invalid for one that is too long."""
    said = unicodedata.normalize("NFC", text.strip())
    said = said.replace("\0", "").encode("utf-8", "replace").decode()
    if len(said) > DESCRIPTION_LENGTH:
        raise Invalid(
            f"The description has {len(said):,} characters, and at most {DESCRIPTION_LENGTH:,} are kept. "
            "Nothing was changed."
        )
    return said or None
