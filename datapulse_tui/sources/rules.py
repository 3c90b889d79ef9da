"""Decisions about sources: who may query them, what they and saved queries may be called. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from datapulse_tui.errors import Invalid, NotAllowed

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor

VIEW = "source:view"
QUERY = "source:query"
MANAGE = "source:manage"
SAVE = "query:create"
SEE_SAVED = "query:view"
MANAGE_SAVED = "query:manage"

NAME_LENGTH = 255


def may_query(actor: Actor, *, granted: bool) -> bool:
    """Whether `actor` may run SQL of their own on a source: `source:query` and a grant, or the right to manage all."""
    return actor.can(QUERY) and (granted or actor.can(MANAGE))


def require_query(actor: Actor, *, granted: bool, source: str) -> None:
    """Raise NotAllowed, saying what is missing, unless `actor` may run SQL on the source called `source`."""
    actor.require(QUERY, "run or save SQL")
    if not may_query(actor, granted=granted):
        raise NotAllowed(
            f"You may not query the source {source}: it is not granted to you. Nothing was run or changed.",
            hint=f"Ask an administrator: datapulse source grant {source} {actor.email or 'EMAIL'}",
        )


def clean_name(name: str, what: str) -> str:
    """`name` without spaces around it. Raises Invalid for one that is empty, too long or not on one plain line."""
    cleaned = name.strip()
    if not cleaned or len(cleaned) > NAME_LENGTH:
        raise Invalid(
            f"A {what} needs a name of 1 to {NAME_LENGTH} characters. Nothing was changed.", hint="Give another name."
        )
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in cleaned):
        raise Invalid(
            f"The name of the {what} has control characters in it. Nothing was changed.", hint="Give another name."
        )
    return cleaned
