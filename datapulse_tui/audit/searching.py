"""How a page of the trail is found among millions of records: the runs of one index are walked, newest first.

What the runs do not hold is looked at record by record, and then only in a window of the newest records of the runs, so
that no question takes long: the page says how far back it looked, and its cursor goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from datapulse_tui.audit.runs import Choice, Where, understand
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from uuid import UUID

    from datapulse_tui.audit.filters import RecordFilter
    from datapulse_tui.data.glance import Reader

WINDOW = 3_000  # records that one page looks at
PROBED = 20_000  # entries of indexes that are read to find where the window ends
LEAST = 500  # of them in each run

Position = tuple[datetime, int]
"""Time and number of a record: where it stands in the order of the trail."""

_ORDER = "l.created_at DESC, l.seq DESC"
_FOUND_ORDER = "f.created_at DESC, f.seq DESC"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a filter is answered: the runs that are walked, the times (`where`), and the rest."""

    choice: Choice
    where: Where

    @property
    def rest(self) -> bool:
        """Whether records are looked at one by one."""
        return bool(self.choice.rest)


async def plan(session: Reader, wanted: RecordFilter, me: UUID | None) -> Plan:
    """How to answer `wanted`; `me` is who asks. Looks at sizes where there is a choice."""
    asked = await understand(session, wanted, me)
    choices = await asked.choices()
    best = choices[0]
    if best.rest and len(choices) > 1:
        sizes = [await _size(session, choice, asked.where) for choice in choices]
        best = choices[sizes.index(min(sizes))]
    return Plan(best, asked.where)


async def find(
    session: Reader, planned: Plan, columns: str, after: Position | None, limit: int
) -> tuple[list[Any], Position | None]:
    """The newest records after `after` (at most `limit`), and how far back the window reached: None when there is
    nothing beyond what was found."""
    where = Where([*planned.where.conditions], {**planned.where.params})
    if after is not None:
        where.conditions.append(beyond(where, after, "<"))
    reached = None
    if planned.rest:
        reached = await _window(session, planned.choice, where)
        if reached is not None:
            where.conditions.append(beyond(where, reached, ">="))
        where.conditions += planned.choice.rest
    walks = _walks(planned.choice, where, "l.created_at, l.seq", f"ORDER BY {_ORDER} LIMIT :limit")
    sql = f"""
        WITH found AS MATERIALIZED (
            SELECT DISTINCT f.created_at, f.seq FROM ({walks}) f ORDER BY {_FOUND_ORDER} LIMIT :limit
        )
        SELECT {columns} FROM found f JOIN audit_logs l ON l.seq = f.seq LEFT JOIN users u ON u.id = l.user_id
        ORDER BY {_FOUND_ORDER}
    """  # noqa: S608  (pieces of this program, values are bound)
    rows = list(await fetch(session, sql, {**_params(planned.choice, where), "limit": limit}))
    return rows, reached


async def _window(session: Reader, choice: Choice, where: Where) -> Position | None:
    """Where the newest WINDOW records of the runs end; None when there are no more than those."""
    runs = sum(len(each.pairs) for each in choice.runs)
    each = max(LEAST, PROBED // max(1, runs))
    walks = _walks(choice, where, "l.created_at, l.seq", f"ORDER BY {_ORDER} LIMIT :each")
    ends = _walks(choice, where, "l.created_at, l.seq", f"ORDER BY {_ORDER} OFFSET :each - 1 LIMIT 1")
    window = f"SELECT * FROM ({walks}) f ORDER BY {_FOUND_ORDER} OFFSET :window - 1 LIMIT 1"  # noqa: S608
    sql = (
        f"SELECT f.created_at, f.seq FROM (({window}) UNION ALL {ends}) f ORDER BY {_FOUND_ORDER} LIMIT 1"  # noqa: S608
        if each < WINDOW or runs > 1
        else f"SELECT f.created_at, f.seq FROM ({window}) f"  # noqa: S608
    )
    params = {**_params(choice, where), "each": each, "window": WINDOW}
    rows = await fetch(session, sql, {name: value for name, value in params.items() if f":{name}" in sql})
    return (rows[0].created_at, rows[0].seq) if rows else None


async def _size(session: Reader, choice: Choice, where: Where) -> int:
    """How many records the runs hold within the times, counted up to the window."""
    walks = _walks(choice, where, "1 AS one", "LIMIT :most")
    sql = f"SELECT count(*) AS size FROM (SELECT 1 FROM ({walks}) f LIMIT :most) counted"  # noqa: S608
    return int((await fetch(session, sql, {**_params(choice, where), "most": WINDOW + 1}))[0].size)


def _walks(choice: Choice, where: Where, columns: str, end: str) -> str:
    """`columns` of the records of each run, with `end` behind each run's own part."""
    return " UNION ALL ".join(
        f"(SELECT w.* FROM {_given(place)} CROSS JOIN LATERAL ("  # noqa: S608
        f"SELECT {columns} FROM audit_logs l WHERE {runs.condition} AND {where.sql} {end}) w)"
        for place, runs in enumerate(choice.runs)
    )


def _given(place: int) -> str:
    return f"unnest(CAST(:a{place} AS text[]), CAST(:b{place} AS text[])) AS r(a, b)"


def _params(choice: Choice, where: Where) -> dict[str, Any]:
    params = dict(where.params)
    for place, runs in enumerate(choice.runs):
        params[f"a{place}"] = [pair[0] for pair in runs.pairs]
        params[f"b{place}"] = [pair[1] for pair in runs.pairs]
    return params


def beyond(where: Where, position: Position, how: str) -> str:
    """The condition for records that stand before (`<`) or behind (`>`, `>=`) `position`; binds it in `where`."""
    at, seq = where.bind(position[0]), where.bind(position[1])
    return f"(l.created_at, l.seq) {how} (CAST(:{at} AS timestamptz), CAST(:{seq} AS bigint))"
