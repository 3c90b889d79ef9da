"""From a filter to SQL over `alert_incidents i`: text of this module, and what people wrote as bound values.

Names of rules, departments and people are looked up first, so that the planner knows how many incidents they mean.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datapulse_tui.alerts.filters import ANY, ME, NOBODY, OPEN, IncidentFilter, Term
from datapulse_tui.alerts.rows import RECEIVES as RECEIVES
from datapulse_tui.alerts.rules import VIEW_ALL, IncidentStatus, Severity
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

_OPEN = "i.status <> 'resolved'"  # word for word what the partial indexes say
_HOLDER = "coalesce(i.assigned_to, i.acknowledged_by)"

_RULES = "SELECT id FROM alerts WHERE name ILIKE :contains"
_DEPARTMENTS = "SELECT id FROM departments WHERE name ILIKE :starts OR name ILIKE :word_starts"
_PEOPLE = "SELECT id FROM users WHERE name ILIKE :starts OR name ILIKE :word_starts OR email ILIKE :starts"


@dataclass(slots=True)
class Where:
    """A condition and the values that it binds."""

    conditions: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: object) -> str:
        """The name under which `value` is bound."""
        name = f"f{len(self.params)}"
        self.params[name] = value
        return name

    @property
    def sql(self) -> str:
        """All conditions together."""
        return " AND ".join(self.conditions) or "true"


def visible(actor: Actor) -> Where:
    """What `actor` may see: everything with the right to, and else the incidents that concern them (binds :me)."""
    where = Where(params={"me": actor.user_id})
    if not actor.can(VIEW_ALL):
        where.conditions.append(RECEIVES)
    return where


async def where(session: Reader, actor: Actor, wanted: IncidentFilter) -> Where:
    """The condition for the incidents that `actor` may see and that `wanted` asks for; binds :me."""
    found = visible(actor)
    # Said once: the planner takes two conditions on the state for independent, and expects next to no rows.
    if wanted.open_by_default:
        found.conditions.append(_OPEN)
    for term in wanted.terms:
        make = _TERMS.get(term.field)
        condition = make(found, term) if make else await _LOOKED_UP[term.field](session, actor, found, term)
        if condition:
            found.conditions.append(f"({condition}) IS NOT TRUE" if term.negated else f"({condition})")
    return found


# -- one field each ----------------------------------------------------------------------------------------------------


def _one_of(column: str) -> Callable[[Where, Term], str]:
    def condition(found: Where, term: Term) -> str:
        return f"i.{column} = ANY(:{found.bind(list(term.values))})"

    return condition


def _severity(found: Where, term: Term) -> str:
    """By the column that the inbox is ordered by, so that the index of its order is enough."""
    priorities = sorted({_PRIORITIES[value] for value in term.values})
    if len(priorities) == 1:
        return f"i.priority = CAST(:{found.bind(priorities[0])} AS smallint)"
    return f"i.priority = ANY(CAST(:{found.bind(priorities)} AS smallint[]))"


_PRIORITIES = {severity.value: priority for priority, severity in enumerate(reversed(Severity))}


def _state(found: Where, term: Term) -> str:
    states = {state for value in term.values for state in _STATES.get(value, (value,))}
    if len(states) == len(IncidentStatus):
        return "true"
    if states == set(_STATES[OPEN]):
        return _OPEN
    return f"i.status = ANY(:{found.bind(sorted(states))})"


_STATES: Mapping[str, tuple[str, ...]] = {
    OPEN: tuple(state for state in IncidentStatus if state is not IncidentStatus.RESOLVED),
    ANY: tuple(IncidentStatus),
}


def _number(found: Where, term: Term) -> str:
    return f"i.number = ANY(CAST(:{found.bind([int(value) for value in term.values])} AS bigint[]))"


def _since(found: Where, term: Term) -> str:
    return f"i.opened_at >= :{found.bind(term.moment)}"


def _until(found: Where, term: Term) -> str:
    return f"i.opened_at < :{found.bind(term.moment)}"


def _label(found: Where, term: Term) -> str:
    """The labels decide; the words of the value are asked for as well because they have an index."""
    conditions = []
    for each in term.values:
        name, _, value = each.partition("=")
        condition = f"i.labels @> CAST(:{found.bind(json.dumps({name: value}))} AS jsonb)"
        if any(c.isascii() and c.isalnum() for c in value):
            condition += f" AND i.search @@ phraseto_tsquery('simple', :{found.bind(value)})"
        conditions.append(f"({condition})")
    return " OR ".join(conditions)


def _text(found: Where, term: Term) -> str:
    literal = term.values[0].replace("\\", "\\\\").replace("'", "''")
    beginning = f"'{literal}':*"  # a quoted word or phrase, and whatever begins with it
    return f"i.search @@ to_tsquery('simple', :{found.bind(beginning)})"


_TERMS: Mapping[str, Callable[[Where, Term], str]] = {
    "severity": _severity,
    "kind": _one_of("kind"),
    "state": _state,
    "number": _number,
    "since": _since,
    "until": _until,
    "label": _label,
    "text": _text,
}


def like(text: str) -> str:
    """`text` for LIKE, where it stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def _ids(session: Reader, sql: str, values: tuple[str, ...]) -> list[Any]:
    """Ids of what bears a name like one of `values`."""
    ids: dict[Any, None] = {}
    for value in values:
        name = like(value)
        params = {"contains": f"%{name}%", "starts": f"{name}%", "word_starts": f"% {name}%"}
        used = {key: text for key, text in params.items() if f":{key}" in sql}
        ids |= dict.fromkeys(row.id for row in await fetch(session, sql, used))
    return list(ids)


async def _rule(session: Reader, actor: Actor, found: Where, term: Term) -> str:  # noqa: ARG001
    return f"i.alert_id = ANY(CAST(:{found.bind(await _ids(session, _RULES, term.values))} AS uuid[]))"


async def _dept(session: Reader, actor: Actor, found: Where, term: Term) -> str:  # noqa: ARG001
    return f"i.department_id = ANY(CAST(:{found.bind(await _ids(session, _DEPARTMENTS, term.values))} AS uuid[]))"


async def _assigned(session: Reader, actor: Actor, found: Where, term: Term) -> str:
    given = {value.lower() for value in term.values}
    ids = await _ids(session, _PEOPLE, tuple(value for value in term.values if value.lower() not in (ME, NOBODY)))
    if ME in given and actor.user_id is not None:
        ids.append(actor.user_id)
    nobody = "(i.assigned_to IS NULL AND i.acknowledged_by IS NULL)"
    if given == {NOBODY}:
        return nobody
    condition = f"{_HOLDER} = ANY(CAST(:{found.bind(ids)} AS uuid[]))"
    return f"{condition} OR {nobody}" if NOBODY in given else condition


_LOOKED_UP = {"rule": _rule, "dept": _dept, "assigned": _assigned}
