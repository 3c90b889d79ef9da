"""Saved queries and data models, when their owner hands over what they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import Conflict, NotAllowed, NotFound
from datapulse_tui.people.belongings import AT_ONCE, Belonging, free_names, moved
from datapulse_tui.sources import rules
from datapulse_tui.sources.service import QUERIES_TOPIC

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

QUERY = "query"
MODEL = "data_model"
MODELS_TOPIC = "models"
MANAGE_MODELS = "model:manage"
MAKE_MODELS = "model:create"

_QUERIES = """
SELECT q.id, q.name, coalesce(s.name, '') AS source,
    (SELECT count(*) FROM alerts a WHERE a.metric_id = q.id AND a.archived_at IS NULL) AS rules
FROM queries q LEFT JOIN data_sources s ON s.id = q.data_source_id
WHERE q.user_id = :who ORDER BY q.name, q.id LIMIT :most
"""
_HOLD_QUERIES = """
SELECT id, name, data_source_id FROM queries
WHERE id = ANY(CAST(:ids AS uuid[])) AND user_id = :who ORDER BY id FOR UPDATE
"""
_TAKEN = "SELECT name FROM queries WHERE user_id = :who"
_MOVE_QUERIES = """
UPDATE queries SET user_id = :to, name = given.name, updated_at = now()
FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS given(id, name) WHERE queries.id = given.id
"""
_MODELS = "SELECT id, name FROM data_models WHERE created_by = :who ORDER BY name, id LIMIT :most"
_MOVE_MODELS = """
UPDATE data_models SET created_by = :to, updated_at = now()
WHERE id = ANY(CAST(:ids AS uuid[])) AND created_by = :who RETURNING id
"""


async def queries_of(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """The queries that a person saved."""
    rows = await fetch(session, _QUERIES, {"who": user_id, "most": AT_ONCE})
    return [Belonging(QUERY, row.id, row.name, _used(row.source, row.rules)) for row in rows]


async def give_queries(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
    """Make another person the owner, who may save queries and is granted their sources.

    Raises NotAllowed without `query:manage` (nor by oneself), Conflict naming the first query that they may not have.
    """
    from sqlalchemy import text

    from datapulse_tui.people.actors import actor_for

    if actor.user_id != from_id:
        actor.require(rules.MANAGE_SAVED, "hand over other people's queries")
    taker = await actor_for(session, to_id)
    rows = await fetch(session, _HOLD_QUERIES, {"ids": list(ids), "who": from_id})
    if not rows:
        return 0
    first = {row.data_source_id: row.name for row in reversed(rows)}
    for source_id, name in first.items():
        await require_source(session, taker, source_id, f"query {name!r}")
    if not taker.can(rules.SAVE):
        raise Conflict(
            f"The query {rows[0].name!r} cannot go to {taker.label}, who may not save queries. Nothing was changed.",
            hint=f"Choose somebody with the permission {rules.SAVE}.",
        )
    taken = {row.name for row in await fetch(session, _TAKEN, {"who": to_id})}
    names = free_names([(row.id, row.name) for row in rows], taken)
    values = {"ids": list(names), "names": list(names.values()), "to": to_id}
    await session.execute(text(_MOVE_QUERIES), values)
    await moved(session, actor, QUERY, QUERIES_TOPIC, from_id, to_id, list(names))
    return len(names)


async def require_source(session: AsyncSession, taker: Actor, source_id: UUID | None, what: str) -> None:
    """Raise Conflict, naming `what` (`query "orders"`), unless `taker` may query the source; None is a source that is
    gone, which asks for nothing."""
    from datapulse_tui.sources.service import authorise

    if source_id is None:
        return
    try:
        await authorise(session, taker, source_id)
    except (NotAllowed, NotFound):
        raise Conflict(
            f"The {what} cannot go to {taker.label}, who may not query its source. Nothing was changed.",
            hint=f"Grant the source to {taker.email} first, or choose somebody else.",
        ) from None


async def models_of(session: AsyncSession, user_id: UUID) -> list[Belonging]:
    """The data models that a person made."""
    rows = await fetch(session, _MODELS, {"who": user_id, "most": AT_ONCE})
    return [Belonging(MODEL, row.id, row.name) for row in rows]


async def give_models(session: AsyncSession, actor: Actor, from_id: UUID, to_id: UUID, ids: Sequence[UUID]) -> int:
    """Make another person the owner, who may make data models.

    Raises NotAllowed without `model:manage` (nor by oneself), Conflict for somebody who may not have them.
    """
    from sqlalchemy import text

    from datapulse_tui.people.actors import actor_for

    if actor.user_id != from_id:
        actor.require(MANAGE_MODELS, "hand over other people's data models")
    taker = await actor_for(session, to_id)
    if not taker.can(MAKE_MODELS):
        raise Conflict(
            f"Data models cannot go to {taker.label}, who may not make any. Nothing was changed.",
            hint=f"Choose somebody with the permission {MAKE_MODELS}.",
        )
    done = (await session.scalars(text(_MOVE_MODELS), {"ids": list(ids), "who": from_id, "to": to_id})).all()
    await moved(session, actor, MODEL, MODELS_TOPIC, from_id, to_id, done)
    return len(done)


def _used(source: str, rules: int) -> str:
    parts = [f"on {source}" if source else "its source is gone"]
    if rules:
        parts.append(f"watched by {rules} rule{'' if rules == 1 else 's'}")
    return ", ".join(parts)
