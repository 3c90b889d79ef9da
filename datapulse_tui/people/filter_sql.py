"""From a filter to SQL over `users u`: text of this module, and what people wrote as bound values.

Departments, custom roles and who is locked are looked up first, so that the planner knows how many people they mean.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

from datapulse_tui.data.glance import fetch
from datapulse_tui.people import rules
from datapulse_tui.people.filters import INVITED, LOCKED, NONE, TEXT, PersonFilter, Term, moment
from datapulse_tui.people.locks import delayed

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

# Word for word what the index of that order is over.
LAST_LOGIN = "coalesce(u.last_login, CAST('-infinity' AS timestamptz))"

_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_INVITED = """
u.id IN (SELECT i.user_id FROM invitations i
         WHERE i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now())
"""
_TRIED_LATELY = """
SELECT DISTINCT a.email FROM sign_in_attempts a JOIN users u ON u.email = a.email
WHERE a.created_at > clock_timestamp() - CAST(:longest AS interval)
"""
_HOLDS = "u.id IN (SELECT m.user_id FROM user_roles m WHERE m.role_id = ANY(CAST(:{ids} AS uuid[])))"
_HOLDS_NONE = "u.id NOT IN (SELECT m.user_id FROM user_roles m)"
_DEPARTMENTS = "SELECT id FROM departments WHERE name ILIKE ANY(CAST(:patterns AS text[]))"
_LOWERED = "SELECT DISTINCT lower(p) AS pattern FROM unnest(CAST(:patterns AS text[])) p ORDER BY 1"
_ROLES = "SELECT id FROM roles WHERE name ILIKE ANY(CAST(:patterns AS text[]))"


@dataclass(slots=True)
class Where:
    """A condition and the values that it binds.

    `searches` says that it asks for text, which may be in any name; `few`, that it asks for people who are not active.
    """

    conditions: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    searches: bool = False
    few: bool = False

    def bind(self, value: object) -> str:
        """The name under which `value` is bound."""
        name = f"f{len(self.params)}"
        self.params[name] = value
        return name

    @property
    def sql(self) -> str:
        """All conditions together."""
        return " AND ".join(self.conditions) or "true"


async def where(session: Reader, wanted: PersonFilter, now: datetime) -> Where:
    """The condition for the people that `wanted` asks for."""
    found = Where()
    for term in wanted.terms:
        condition = await _TERMS[term.field](session, found, term, now)
        found.conditions.append(f"({condition}) IS NOT TRUE" if term.negated else f"({condition})")
        found.searches |= term.field == TEXT and not term.negated
        found.few |= term.field == "status" and (rules.Status.ACTIVE in term.values) == term.negated
    return found


def like(text: str) -> str:
    """`text` for LIKE, where it stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def cases(text: str) -> list[str]:
    """How `text` may be written: a database of the C locale takes only ASCII letters in either case for the same."""
    spellings = (text, text.lower(), text.upper(), text.title())
    return list({each.translate(_ASCII_LOWER): each for each in reversed(spellings)}.values())


# -- one field each ----------------------------------------------------------------------------------------------------


async def _role(session: Reader, found: Where, term: Term, now: datetime) -> str:  # noqa: ARG001
    return f"u.role = ANY(CAST(:{found.bind(list(term.values))} AS text[]))"


async def _status(session: Reader, found: Where, term: Term, now: datetime) -> str:  # noqa: ARG001
    conditions = []
    stored = [value for value in term.values if value not in (LOCKED, INVITED)]
    if stored:
        conditions.append(f"u.status = ANY(CAST(:{found.bind(stored)} AS text[]))")
    if LOCKED in term.values:
        tried = await fetch(session, _TRIED_LATELY, {"longest": rules.LONGEST_DELAY})
        emails = sorted(await delayed(session, [row.email for row in tried]))
        conditions.append(f"u.email = ANY(CAST(:{found.bind(emails)} AS text[]))")
    if INVITED in term.values:
        conditions.append(_INVITED)
    return " OR ".join(conditions)


async def _dept(session: Reader, found: Where, term: Term, now: datetime) -> str:  # noqa: ARG001
    ids, nothing = await _named(session, _DEPARTMENTS, term)
    condition = f"u.department_id = ANY(CAST(:{found.bind(ids)} AS uuid[]))"
    return f"{condition} OR u.department_id IS NULL" if nothing else condition


async def _custom(session: Reader, found: Where, term: Term, now: datetime) -> str:  # noqa: ARG001
    ids, nothing = await _named(session, _ROLES, term)
    condition = _HOLDS.format(ids=found.bind(ids))
    return f"{condition} OR {_HOLDS_NONE}" if nothing else condition


async def _seen(session: Reader, found: Where, term: Term, now: datetime) -> str:  # noqa: ARG001
    return " OR ".join(_since(found, value, now, ">=") for value in term.values)


async def _unseen(session: Reader, found: Where, term: Term, now: datetime) -> str:  # noqa: ARG001
    return " OR ".join(_since(found, value, now, "<") for value in term.values)


def _since(found: Where, value: str, now: datetime, comparison: str) -> str:
    since = moment(value, now)
    if since is None:
        return f"{LAST_LOGIN} = CAST('-infinity' AS timestamptz)"
    return f"{LAST_LOGIN} {comparison} CAST(:{found.bind(since)} AS timestamptz)"


async def _text(session: Reader, found: Where, term: Term, now: datetime) -> str:  # noqa: ARG001
    """By what the index of the names has in it: names as the database makes them lower, which costs a multiple for
    every person than once for what is looked for, and addresses, which are stored in lower case."""
    wanted = term.values[0]
    spellings = await fetch(session, _LOWERED, {"patterns": [f"%{like(each)}%" for each in cases(wanted)]})
    names = " OR ".join(f"lower(u.name) LIKE :{found.bind(row.pattern)}" for row in spellings)
    return f"{names} OR u.email LIKE :{found.bind(f'%{like(wanted.lower())}%')}"


_TERMS: Mapping[str, Callable[[Reader, Where, Term, datetime], Awaitable[str]]] = {
    "role": _role,
    "status": _status,
    "dept": _dept,
    "custom": _custom,
    "seen": _seen,
    "unseen": _unseen,
    "text": _text,
}


async def _named(session: Reader, sql: str, term: Term) -> tuple[list[Any], bool]:
    """Ids of what begins, or has a word that begins, like one of the values; and whether none is one of them."""
    patterns = [
        f"{start}{like(each)}%"
        for value in term.values
        if value.lower() != NONE
        for each in cases(value)
        for start in ("", "% ")
    ]
    rows = await fetch(session, sql, {"patterns": patterns}) if patterns else ()
    return [row.id for row in rows], any(value.lower() == NONE for value in term.values)
