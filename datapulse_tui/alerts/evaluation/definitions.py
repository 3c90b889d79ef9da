"""What rules are made of, read in bulk: the rules themselves, their queries, sources, and their owners' rights."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.alerts import slots
from datapulse_tui.alerts.evaluation import bulk
from datapulse_tui.alerts.evaluation.model import Rule
from datapulse_tui.alerts.machine import Condition
from datapulse_tui.alerts.rules import ErrorPolicy, NoDataPolicy, ThresholdType
from datapulse_tui.people.rules import Role, Status, effective_permissions
from datapulse_tui.sources import rules as source_rules

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncSession

MOST_CACHED = 50_000  # rules

_RULES = text("""
SELECT id, version, user_id, metric_id, metric, label_columns, threshold_type, threshold_value::float8 AS threshold,
       recovery_value::float8 AS recovery, for_seconds, keep_firing_seconds, window_seconds, interval_seconds,
       no_data_policy, error_policy
FROM alerts WHERE id = ANY(CAST(:ids AS uuid[]))
""")
_QUERIES = text("SELECT id, sql FROM queries WHERE id = ANY(CAST(:ids AS uuid[]))")
_OWNERS = text("""
SELECT u.id, u.name, u.email, u.role, u.status,
       EXISTS (SELECT FROM data_source_grants g WHERE g.user_id = u.id AND g.data_source_id = :source) AS granted,
       coalesce((SELECT jsonb_agg(r.permissions) FROM user_roles ur JOIN roles r ON r.id = ur.role_id
                 WHERE ur.user_id = u.id), '[]') AS custom
FROM users u WHERE u.id = ANY(CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whether rules may run in a person's name on a source: `refusal` says why not."""

    id: UUID
    refusal: str = ""


class RuleCache:
    """The rules of one process by id, read again when their version has changed."""

    def __init__(self) -> None:
        self._rules: dict[UUID, Rule] = {}

    async def load(self, session: AsyncSession, versions: Mapping[UUID, int]) -> Mapping[UUID, Rule]:
        """The rules with these ids at these versions or newer ones; those that are gone are left out."""
        if len(self._rules) + len(versions) > MOST_CACHED:
            self._rules.clear()
        known = self._rules
        wanted = [id_ for id_, version in versions.items() if id_ not in known or known[id_].version != version]
        if wanted:
            for row in (await session.execute(_RULES, {"ids": bulk.plain(wanted)})).all():
                known[row.id] = _rule(row)
        return {id_: known[id_] for id_ in versions if id_ in known}


async def queries(session: AsyncSession, ids: Collection[UUID]) -> Mapping[UUID, str]:
    """The SQL of saved queries by id."""
    return {row.id: row.sql for row in (await session.execute(_QUERIES, {"ids": bulk.plain(ids)})).all()}


async def owners(session: AsyncSession, source: UUID | None, ids: Collection[UUID]) -> Mapping[UUID, Owner]:
    """Whether the people `ids` may have their rules run on `source` at this moment."""
    rows = (await session.execute(_OWNERS, {"source": source, "ids": list(ids)})).all()
    return {row.id: Owner(row.id, _refusal(row)) for row in rows}


def _refusal(row: Row[tuple[object, ...]]) -> str:
    if row.status != Status.ACTIVE:
        return (
            f"The rule's owner, {row.name}, is not active, so it cannot run in their name. "
            "Give the rule to somebody else, or activate the account."
        )
    permissions = effective_permissions(Role(row.role), row.custom)
    if source_rules.QUERY in permissions and (row.granted or source_rules.MANAGE in permissions):
        return ""
    missing = "the right to query sources" if source_rules.QUERY not in permissions else "a grant for the source"
    return f"The rule's owner, {row.name}, lacks {missing}, so it cannot run in their name. Ask an administrator."


def _rule(row: Row[tuple[object, ...]]) -> Rule:
    interval = row.interval_seconds
    return Rule(
        id=row.id,
        version=row.version,
        owner_id=row.user_id,
        query_id=row.metric_id,
        metric=row.metric or "",
        label_columns=tuple(row.label_columns),
        condition=Condition(
            ThresholdType(row.threshold_type),
            row.threshold,
            row.recovery,
            row.for_seconds,
            row.keep_firing_seconds,
            row.window_seconds,
        ),
        interval=interval,
        offset=slots.slot_offset(row.metric_id or row.id, interval),
        no_data_policy=NoDataPolicy(row.no_data_policy),
        error_policy=ErrorPolicy(row.error_policy),
    )
