"""What screens and commands read of rules. Plain SQL, so that a list does not wait for the models to be imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from datapulse_tui.alerts.durations import format_duration
from datapulse_tui.alerts.reads import rules_sql as sql
from datapulse_tui.alerts.reads.rules_sql import COUNTED
from datapulse_tui.alerts.rules import (
    CREATE,
    MANAGE,
    VIEW,
    VIEW_ALL,
    AlertStatus,
    Health,
    SeriesState,
    Severity,
    ThresholdType,
)
from datapulse_tui.alerts.views import Count, PersonRef, RuleRow
from datapulse_tui.audit.clean import clean_text
from datapulse_tui.errors import Invalid, NotFound

if TYPE_CHECKING:
    from datapulse_tui.alerts.spec import RuleSpec
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

SERIES_SHOWN = 200
SPARKLINE = 30
LARGEST_PAGE = 1_000


Order = Literal["name", "state"]
# What needs somebody first: it fires, it cannot be evaluated, it has no data, it is silenced; paused rules come last.
_RANKS: dict[Order, str] = {
    "name": "0",
    "state": """
        (CASE WHEN NOT a.is_active THEN 6 WHEN a.status = 'triggered' THEN 0
              ELSE coalesce((SELECT CASE e.health WHEN 'error' THEN 1 WHEN 'no_data' THEN 2
                           ELSE CASE a.status WHEN 'snoozed' THEN 3 WHEN 'active' THEN 4 ELSE 5 END END
                    FROM alert_evaluations e WHERE e.alert_id = a.id), 4) END)
    """,
}


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """Where one series of a rule stands, why and since when. `recent` are its last values, the newest last."""

    id: int
    labels: Mapping[str, str]
    state: SeriesState
    reason: str
    since: datetime
    missed: int
    recent: tuple[float, ...] = ()

    @property
    def value(self) -> float | None:
        """The newest value; None where there is none."""
        return self.recent[-1] if self.recent else None


@dataclass(frozen=True, slots=True)
class RuleDetail:
    """One rule with all that its detail and its editor show.

    `spec.query` is the query's id; `row.query` its name and `query_owner` the address of whose it is. `series` are at
    most 200, those that fire first; `series_count` counts them all up to 1,000.
    """

    row: RuleRow
    spec: RuleSpec
    query_id: UUID | None
    query_sql: str
    query_owner: str
    source_id: UUID | None
    condition_version: int
    health_since: datetime | None
    skipped_at: datetime | None
    created_at: datetime
    updated_at: datetime
    series: tuple[SeriesRow, ...]
    series_count: Count


async def list_rules(
    session: Reader,
    actor: Actor,
    *,
    text: str = "",
    order: Order = "name",
    after: str | None = None,
    limit: int = 200,
) -> Page[RuleRow]:
    """A page of the rules that `actor` may see, by name or by `state`: what fires or cannot be evaluated comes first.

    `text`: each of its words must be in the name, a label (`team=ops`), the query's name, or the owner's name or
    address. `after` is the `next` of the page before. Raises NotAllowed, and Invalid for a cursor that is not ours.
    """
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid(f"A page holds 1 to {LARGEST_PAGE} rules.", hint="Ask for the next page with its cursor.")
    params = {**_reader(actor), "limit": limit + 1}
    conditions = [sql.VISIBLE, *_words(text, params)]
    if after is not None:
        by, rank, name, last = decode_cursor(after, 4)
        if by != order or not (isinstance(rank, int) and isinstance(name, str) and isinstance(last, UUID)):
            raise Invalid("The page cursor belongs to another order.", hint="Start again from the first page.")
        params |= {"after_rank": rank, "after_name": name, "after_id": last}
        conditions.append(
            f"({_RANKS[order]}, lower(a.name), a.id) > (CAST(:after_rank AS int), :after_name, CAST(:after_id AS uuid))"
        )
    keys = "lower(a.name), a.id" if order == "name" else f"{_RANKS[order]}, lower(a.name), a.id"
    rows = await fetch(
        session,
        f"WITH page AS MATERIALIZED (SELECT {sql.COLUMNS}, {_RANKS[order]} AS rank {sql.FROM} "
        f"AND {' AND '.join(conditions)} ORDER BY {keys} LIMIT :limit) "
        f"SELECT page.*, {sql.STANDING} ORDER BY page.rank, page.sort_name, page.id",
        params,
    )
    return make_page(rows, limit, lambda row: _row(actor, row), lambda row: (order, row.rank, row.sort_name, row.id))


async def get_rule(session: Reader, actor: Actor, alert_id: UUID) -> RuleDetail:
    """A rule with its series and where they stand. Raises NotFound when it is not there, archived or not to be seen."""
    from datapulse_tui.alerts.history import recent
    from datapulse_tui.data.glance import fetch

    details = await _details(session, actor, "a.id = CAST(:id AS uuid)", {"id": alert_id})
    if not details:
        raise missing()
    series = await fetch(session, sql.SERIES, {"id": alert_id, "limit": SERIES_SHOWN})
    values = await recent(session, [each.series_id for each in series], SPARKLINE) if series else {}
    return _detail(actor, details[0], tuple(_series(each, values.get(each.series_id, ())) for each in series))


async def read_rules(
    session: Reader,
    actor: Actor,
    *,
    text: str = "",
    owner: str = "",
    ids: Sequence[UUID] | None = None,
    limit: int = LARGEST_PAGE,
) -> tuple[RuleDetail, ...]:
    """Rules without their series, by name: those with the words of `text`, of the person with the address `owner`, or
    those of `ids`. For exports and differences."""
    params: dict[str, Any] = {"limit": limit}
    conditions = _words(text, params)
    if owner:
        conditions.append("u.email = lower(:owner)")
        params["owner"] = clean_text(owner).strip()
    if ids is not None:
        conditions.append("a.id = ANY(CAST(:ids AS uuid[]))")
        params["ids"] = list(ids)
    rows = await _details(session, actor, " AND ".join(conditions or ["true"]), params)
    return tuple(_detail(actor, row, ()) for row in rows)


async def find_rule(session: Reader, actor: Actor, name: str, *, owner: str = "") -> UUID:
    """The id of the rule called `name` that `actor` may see; their own wins over others of the same name.

    `owner` is the address of whose it is. Raises NotFound, and Invalid naming the owners where several people have one.
    """
    from datapulse_tui.data.glance import fetch

    rows = await fetch(
        session,
        f"SELECT a.id, a.user_id, u.email {sql.FROM} AND a.name = :name AND {sql.VISIBLE} "
        "AND (:owner = '' OR u.email = lower(:owner)) ORDER BY u.email",
        {**_reader(actor), "name": clean_text(name), "owner": clean_text(owner).strip()},
    )
    own = [row for row in rows if row.user_id == actor.user_id]
    if len(own or rows) > 1:
        owners = ", ".join(row.email for row in rows[:10])
        raise Invalid(f"Several people have a rule called {name!r}: {owners}.", hint="Say whose with --owner EMAIL.")
    if not rows:
        raise NotFound(
            f"There is no rule called {name!r} that you may see.", hint="`datapulse alert rule list` shows them."
        )
    found: UUID = (own or rows)[0].id
    return found


async def rule_names(session: Reader, actor: Actor, text: str = "", *, limit: int = 20) -> tuple[str, ...]:
    """Names of rules that hold `text`, those that begin with it first: for completion."""
    from datapulse_tui.data.glance import fetch

    word = _literal(text)
    rows = await fetch(
        session,
        f"SELECT name FROM (SELECT DISTINCT a.name {sql.FROM} AND {sql.VISIBLE} AND a.name ILIKE :holds) n "  # noqa: S608
        "ORDER BY name NOT ILIKE :begins, lower(name), name LIMIT :limit",
        {**_reader(actor), "holds": f"%{word}%", "begins": f"{word}%", "limit": limit},
    )
    return tuple(row.name for row in rows)


def missing() -> NotFound:
    """The error for a rule that is not there, or not to be seen; the two look the same."""
    return NotFound(
        "There is no such rule, or you do not receive its incidents. Nothing was changed.",
        hint="`datapulse alert rule list` shows those that you may see.",
    )


def may_change(actor: Actor, owner_id: UUID) -> bool:
    """Whether `actor` may change and delete a rule of `owner_id`."""
    return actor.can(MANAGE) or (actor.user_id == owner_id and actor.can(CREATE))


def condition_text(
    type_: ThresholdType | str, threshold: float, recovery: float | None, for_seconds: int, window_seconds: int
) -> str:
    """A condition in a few words: `above 5 for 5m, clears at 4`, `rises 20 % in 1h`."""
    if type_ == ThresholdType.CHANGE_PERCENT:
        verb = "rises" if threshold >= 0 else "falls"
        text = f"{verb} {abs(threshold):g} % in {format_duration(window_seconds)}"
        end = "" if recovery is None else f", clears at {recovery:g} %"
    else:
        text = f"{ThresholdType(type_).value} {threshold:.10g}"
        end = "" if recovery is None else f", clears at {recovery:.10g}"
    return f"{text}{f' for {format_duration(for_seconds)}' if for_seconds else ''}{end}"


async def _details(session: Reader, actor: Actor, wanted: str, params: Mapping[str, object]) -> Any:
    from datapulse_tui.data.glance import fetch

    limit = "ORDER BY lower(a.name), a.id LIMIT :limit" if "limit" in params else ""
    return await fetch(
        session,
        f"WITH page AS MATERIALIZED (SELECT {sql.COLUMNS}, {sql.DETAILS} {sql.FROM} AND {sql.VISIBLE} AND {wanted} "
        f"{limit}) SELECT page.*, {sql.NAMES}, {sql.STANDING} ORDER BY page.sort_name, page.id",
        {**_reader(actor), **params},
    )


def _reader(actor: Actor) -> dict[str, Any]:
    actor.require(VIEW, "see alert rules")
    return {"me": actor.user_id, "all": actor.can(VIEW_ALL) or actor.can(MANAGE)}


def _words(text: str, params: dict[str, Any]) -> list[str]:
    """A condition for each word; its pattern goes into `params`."""
    conditions = []
    for index, word in enumerate(text.split()[:10]):
        conditions.append(sql.WORD.format(index))
        params[f"word{index}"] = f"%{_literal(word)}%"
    return conditions


def _literal(word: str) -> str:
    """`word` for LIKE, where it stands for itself."""
    return clean_text(word).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _row(actor: Actor, row: Any) -> RuleRow:
    threshold = float(row.threshold_value)
    recovery = None if row.recovery_value is None else float(row.recovery_value)
    return RuleRow(
        id=row.id,
        version=row.version,
        name=row.name,
        owner=PersonRef(row.user_id, row.owner_name, row.owner_email),
        metric=row.metric or "",
        query=row.query,
        source=row.source,
        severity=Severity(row.severity),
        condition=condition_text(row.threshold_type, threshold, recovery, row.for_seconds, row.window_seconds),
        status=AlertStatus(row.status),
        is_active=row.is_active,
        health=Health(row.health or Health.UNKNOWN),
        health_reason=row.health_reason or "",
        interval_seconds=row.interval_seconds,
        last_at=row.last_at,
        next_at=row.next_at,
        skipped_slots=row.skipped_slots or 0,
        series=row.series,
        open_incidents=row.open_incidents,
        may_change=may_change(actor, row.user_id),
    )


def _series(row: Any, values: tuple[float, ...]) -> SeriesRow:
    return SeriesRow(row.series_id, row.labels, SeriesState(row.state), row.reason, row.since, row.missed, values)


def _detail(actor: Actor, row: Any, series: tuple[SeriesRow, ...]) -> RuleDetail:
    from datapulse_tui.alerts.spec import spec_of

    return RuleDetail(
        row=_row(actor, row),
        spec=spec_of(row, row.names),
        query_id=row.metric_id,
        query_sql=row.query_sql or "",
        query_owner=row.query_owner or "",
        source_id=row.source_id,
        condition_version=row.condition_version,
        health_since=row.health_since,
        skipped_at=row.skipped_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        series=series,
        series_count=Count(row.series, exact=row.series < COUNTED),
    )
