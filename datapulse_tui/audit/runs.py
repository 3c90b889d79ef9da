"""Runs of the trail's indexes, and the words of a filter as runs and conditions over `audit_logs l`.

Every index carries the order of the trail (time, number) behind what it finds. A run is one stretch of an index: what
one person did of one action, what happened to one thing. All SQL is text of this module; what people wrote is bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.audit.filters import ME, STAR, RecordFilter, Term, thing
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

MOST_PEOPLE = 20  # whose records are found by runs; more are compared record by record
MOST_LABELS = 200

# Kinds of things with their actions, and labels: by jumping from one to the next in the index.
_KINDS = """
WITH RECURSIVE kinds AS (
    (SELECT resource_type, action FROM audit_logs ORDER BY resource_type, action LIMIT 1)
    UNION ALL
    SELECT n.resource_type, n.action FROM kinds k CROSS JOIN LATERAL (
        SELECT l.resource_type, l.action FROM audit_logs l
        WHERE (l.resource_type, l.action) > (k.resource_type, k.action)
        ORDER BY l.resource_type, l.action LIMIT 1) n
)
SELECT resource_type, action FROM kinds
"""
_LABELS = f"""
WITH RECURSIVE labels AS (
    (SELECT actor FROM audit_logs WHERE actor IS NOT NULL ORDER BY actor LIMIT 1)
    UNION ALL
    SELECT (SELECT l.actor FROM audit_logs l WHERE l.actor > k.actor ORDER BY l.actor LIMIT 1)
    FROM labels k WHERE k.actor IS NOT NULL
)
SELECT actor FROM labels WHERE actor IS NOT NULL LIMIT {10 * MOST_LABELS}
"""  # noqa: S608  (a constant of ours)
_PEOPLE = "SELECT id FROM users WHERE email LIKE :starts LIMIT :most"
_THERE = """
SELECT r.a, r.b FROM unnest(CAST(:a AS text[]), CAST(:b AS text[])) AS r(a, b)
WHERE EXISTS (SELECT FROM audit_logs l WHERE {condition})
"""

# An index -> what a run of it is; `r.a` and `r.b` are the run's two texts. Those that most likely find least first.
_RUNS: Mapping[str, str] = {
    "number": "l.seq = CAST(r.a AS bigint)",
    "thing": "l.resource_type = r.a AND l.resource_id = CAST(r.b AS uuid)",
    "person": "l.user_id = CAST(r.a AS uuid) AND l.action = r.b",
    "label": "l.actor = r.a AND l.action = r.b",
    "address": "l.ip_address = r.a",
    "kind": "l.resource_type = r.a AND l.action = r.b",
    "all": "r.a IS NOT NULL",
}
_RANKS = tuple(_RUNS)
_BY_ACTION = ("person", "label")

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of one index, each with its two texts."""

    index: str
    pairs: tuple[Pair, ...]

    @property
    def condition(self) -> str:
        """What holds for a record `l` of the run `r`."""
        return _RUNS[self.index]


@dataclass(slots=True)
class Where:
    """Conditions over `audit_logs l`, and the values that they bind."""

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


@dataclass(frozen=True, slots=True)
class Choice:
    """One index that can answer: its runs, and what they do not hold by themselves."""

    runs: tuple[Runs, ...]
    rest: tuple[str, ...]

    @property
    def rank(self) -> int:
        """The smaller, the less it likely finds."""
        return min(_RANKS.index(each.index) for each in self.runs)


async def kinds(session: Reader) -> list[Pair]:
    """Every kind of thing in the trail, with each of its actions."""
    return [(row.resource_type, row.action) for row in await fetch(session, _KINDS)]


async def labels(session: Reader, beginning: str) -> list[str]:
    """The labels of operators and jobs that begin so."""
    found = [row.actor for row in await fetch(session, _LABELS)]
    return [each for each in found if each.startswith(beginning)][:MOST_LABELS]


def like(text: str) -> str:
    """What begins with `text`, for LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def named(value: str, names: set[str]) -> set[str]:
    """Those of `names` that are called so or, when none is, begin so."""
    value = value.lower()
    return {value} if value in names else {name for name in names if name.startswith(value)}


class Asked:
    """A filter with its names looked up. Made by `understand`."""

    def __init__(self, session: Reader, me: UUID | None, known: Sequence[Pair]) -> None:
        self.where = Where()  # times alone, until somebody adds the rest
        self.session = session
        self.me = me
        self.known = frozenset(known)
        self.allowed = self.known  # kinds and actions that can be meant
        self.conditions: list[str] = []
        self.offers: dict[int, tuple[Runs, ...]] = {}  # by place in `conditions`: runs that hold all of it

    @property
    def narrowed(self) -> bool:
        """Whether a word asks for kinds or actions."""
        return self.allowed != self.known

    def whole(self) -> list[str]:
        """All conditions but the times, for those who read everything that is asked for."""
        return [*self.conditions, *([self._kind_condition()] if self.narrowed else [])]

    async def choices(self) -> list[Choice]:
        """The indexes that can answer, the one that most likely finds least first."""
        found = []
        for place, offered in self.offers.items():
            runs = tuple([await self._by_action(each) for each in offered])
            rest = [each for at, each in enumerate(self.conditions) if at != place]
            if self.narrowed and not (self._actions_say_all and all(each.index in _BY_ACTION for each in runs)):
                rest.append(self._kind_condition())
            found.append(Choice(runs, tuple(rest)))
        if self.narrowed:
            found.append(Choice((Runs("kind", tuple(sorted(self.allowed))),), tuple(self.conditions)))
        found.sort(key=lambda choice: choice.rank)
        return found or [Choice((Runs("all", (("", ""),)),), tuple(self.conditions))]

    @property
    def _actions_say_all(self) -> bool:
        """Whether the allowed actions belong to allowed kinds alone."""
        actions = {action for _, action in self.allowed}
        return all(pair in self.allowed for pair in self.known if pair[1] in actions)

    async def _by_action(self, runs: Runs) -> Runs:
        """Runs of a person or label, made one for each action that can be meant and that they did."""
        if runs.index not in _BY_ACTION:
            return runs
        actions = sorted({action for _, action in self.allowed})
        pairs = [(who, action) for who, _ in runs.pairs for action in actions]
        params = {"a": [pair[0] for pair in pairs], "b": [pair[1] for pair in pairs]}
        rows = await fetch(self.session, _THERE.format(condition=runs.condition), params) if pairs else []
        return Runs(runs.index, tuple((row.a, row.b) for row in rows))

    def _kind_condition(self) -> str:
        pairs = sorted(self.allowed)
        first, second = (self.where.bind([pair[at] for pair in pairs]) for at in (0, 1))
        return (
            "(l.resource_type, l.action) IN "  # noqa: S608  (values are bound)
            f"(SELECT * FROM unnest(CAST(:{first} AS text[]), CAST(:{second} AS text[])))"
        )

    # -- one word each -------------------------------------------------------------------------------------------------

    async def add(self, term: Term) -> None:
        """Take in one word."""
        if term.moment is not None:
            earlier = "<" if term.field == "until" else ">="
            self.where.conditions.append(f"l.created_at {earlier} :{self.where.bind(term.moment)}")
        elif not self._kinds(term):
            condition, runs = await getattr(self, f"_{term.field.rstrip('_')}")(term)
            if term.negated:
                condition = f"({condition}) IS NOT TRUE"
            elif runs:
                self.offers[len(self.conditions)] = runs
            self.conditions.append(f"({condition})")

    def _kinds(self, term: Term) -> bool:
        """Whether the word asks for actions or kinds of things alone; then they are what is allowed."""
        if term.field == "action":
            place, values = 1, list(term.values)
        elif term.field == "on" and all(thing(value)[1] is None for value in term.values):
            place, values = 0, [str(thing(value)[0]) for value in term.values]
        else:
            return False
        names = {pair[place] for pair in self.known}
        meant: set[str] = set().union(*(named(value, names) for value in values))
        self.allowed = frozenset(pair for pair in self.allowed if (pair[place] in meant) is not term.negated)
        return True

    async def _number(self, term: Term) -> tuple[str, tuple[Runs, ...]]:
        numbers = f"CAST(:{self.where.bind([int(value) for value in term.values])} AS bigint[])"
        return f"l.seq = ANY({numbers})", (Runs("number", tuple((value, "") for value in term.values)),)

    async def _from(self, term: Term) -> tuple[str, tuple[Runs, ...]]:
        whole = [value for value in term.values if not value.endswith(STAR)]
        conditions = [f"l.ip_address = ANY(CAST(:{self.where.bind(whole)} AS text[]))"] if whole else []
        begun = [like(value.rstrip(STAR)) for value in term.values if value.endswith(STAR)]
        conditions += [f"l.ip_address LIKE :{self.where.bind(each)}" for each in begun]
        runs = (Runs("address", tuple((value, "") for value in whole)),)
        return " OR ".join(conditions), runs if len(whole) == len(term.values) else ()

    async def _on(self, term: Term) -> tuple[str, tuple[Runs, ...]]:
        """Things by id; where a kind stands beside them alone, there are no runs that hold both."""
        conditions, pairs, whole = [], [], True
        types = {pair[0] for pair in self.known}
        for kind, key in (thing(value) for value in term.values):
            meant = sorted(types if kind is None else named(kind, types))
            condition = f"l.resource_type = ANY(CAST(:{self.where.bind(meant)} AS text[]))"
            if key is None:
                whole = False
            else:
                condition += f" AND l.resource_id = CAST(:{self.where.bind(key)} AS uuid)"
                pairs += [(each, str(key)) for each in meant]
            conditions.append(f"({condition})")
        return " OR ".join(conditions), (Runs("thing", tuple(pairs)),) if whole else ()

    async def _who(self, term: Term) -> tuple[str, tuple[Runs, ...]]:
        condition, ids = await self._people(term, "l.user_id")
        found = [each for value in term.values if value.lower() != ME for each in await labels(self.session, value)]
        if found:
            condition += f" OR l.actor = ANY(CAST(:{self.where.bind(found)} AS text[]))"
        if ids is None:
            return condition, ()
        people = Runs("person", tuple((str(each), "") for each in ids))
        return condition, (people, Runs("label", tuple((each, "") for each in dict.fromkeys(found))))

    async def _about(self, term: Term) -> tuple[str, tuple[Runs, ...]]:
        """By this person, or on their account."""
        by, ids = await self._people(term, "l.user_id")
        on, _ = await self._people(term, "l.resource_id")
        condition = f"({by}) OR l.resource_type = 'user' AND ({on})"
        if ids is None:
            return condition, ()
        keys = [str(each) for each in ids]
        return condition, (
            Runs("person", tuple((key, "") for key in keys)),
            Runs("thing", tuple(("user", key) for key in keys)),
        )

    async def _people(self, term: Term, column: str) -> tuple[str, list[UUID] | None]:
        """The condition for the people that a word names; their ids, None when they are many."""
        ids: dict[UUID, None] = {}
        starts = [like(value.lower()) for value in term.values if value.lower() != ME]
        if len(starts) < len(term.values) and self.me is not None:
            ids[self.me] = None
        for each in starts:
            rows = await fetch(self.session, _PEOPLE, {"starts": each, "most": MOST_PEOPLE + 1})
            ids |= dict.fromkeys(row.id for row in rows)
        condition = f"{column} = ANY(CAST(:{self.where.bind(list(ids))} AS uuid[]))"
        if len(ids) <= MOST_PEOPLE:
            return condition, list(ids)
        named_so = f"SELECT u.id FROM users u WHERE u.email LIKE ANY(CAST(:{self.where.bind(starts)} AS text[]))"  # noqa: S608
        return f"{condition} OR {column} IN ({named_so})", None

    async def _text(self, term: Term) -> tuple[str, tuple[Runs, ...]]:
        return f"CAST(l.details AS text) ILIKE :{self.where.bind('%' + like(term.values[0]))}", ()


async def understand(session: Reader, wanted: RecordFilter, me: UUID | None) -> Asked:
    """`wanted` with its names looked up; `me` is who asks."""
    asked = Asked(session, me, await kinds(session))
    for term in wanted.terms:
        await asked.add(term)
    return asked
