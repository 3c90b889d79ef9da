"""From what people write in a rule to what is stored: its query, its channels and recipients; and whose right it is."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts.schemas import InvalidRule, QuerySpec, RuleSpec
from datapulse_tui.alerts.service.rules_recipients import directory
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.dashboards.checking import Problem
    from datapulse_tui.sources.pool import SourceHandle
    from datapulse_tui.sources.reads import QueryRow

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """The saved query of a rule. `id` is None for one that is still to be saved; `save` says that its SQL is to be
    written (for the rule's owner), `rewrites` that it takes the place of other SQL under that name."""

    id: UUID | None
    name: str
    sql: str
    source_id: UUID
    save: bool = False
    rewrites: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """A rule's references as they are stored: channels and recipients by id."""

    query: QueryPlan
    channels: list[dict[str, Any]]
    escalation_channels: list[dict[str, Any]]


async def resolve(
    session: AsyncSession,
    actor: Actor,
    owner: Actor,
    spec: RuleSpec,
    *,
    current_query: UUID | None = None,
    kept: Collection[str] = (),
) -> Resolved:
    """What `spec` names, found; writes nothing. `owner` is the rule's owner as an actor.

    `current_query` is the query that the rule has already: keeping it needs no right, and SQL of another text takes its
    place when it is the owner's. `kept` are stored recipients and channels (`channel:ID`) that stay whatever became of
    them. Raises InvalidRule for what is not there, NotAllowed when the owner or the actor may not query the source.
    """
    query = await _query(session, actor, owner, spec, current_query)
    problems: list[Problem] = []
    found = await directory(session, [*spec.channels, *spec.escalation_channels], kept)
    resolved = Resolved(
        query,
        found.stored("channels", spec.channels, problems),
        found.stored("escalation_channels", spec.escalation_channels, problems),
    )
    if problems:
        raise InvalidRule(problems)
    return resolved


async def owner_actor(session: AsyncSession, actor: Actor, owner_id: UUID) -> Actor:
    """The rule's owner as an actor, with the rights that they have now. Raises Invalid when the account is not active:
    the rule could not run in their name."""
    from datapulse_tui.people.actors import actor_for

    if owner_id == actor.user_id:
        return actor
    try:
        found = await actor_for(
            session, owner_id, ip_address=actor.ip_address, user_agent=actor.user_agent, through=actor.label
        )
    except NotFound:
        raise Invalid(
            "The owner of this rule has no active account, so it cannot run in their name. Nothing was changed.",
            hint="Give the rule to somebody else, or activate the account.",
        ) from None
    return replace(found, through=actor.through or actor.label)


async def require_query_rights(session: AsyncSession, actor: Actor, owner: Actor, source_id: UUID) -> SourceHandle:
    """The source, if the rule's owner, and whoever sets it up for them, may run SQL on it. Raises NotAllowed."""
    from datapulse_tui.sources.service import authorise

    if owner.user_id != actor.user_id:
        await authorise(session, actor, source_id)
    try:
        return await authorise(session, owner, source_id)
    except (NotAllowed, NotFound) as error:
        if owner.user_id == actor.user_id:
            raise
        raise NotAllowed(
            f"A rule runs with the rights of its owner, and {owner.label} may not query its source. "
            "Nothing was changed.",
            hint=f"Grant the source to {owner.email}, or give the rule to somebody else.",
        ) from error


async def save_planned(session: AsyncSession, owner: Actor, plan: QueryPlan) -> UUID:
    """Save the query where the plan says so, in the owner's name; its id. Raises Conflict when another query of that
    name was saved at the same moment, and what `sources.save_query` raises."""
    from sqlalchemy.exc import IntegrityError

    from datapulse_tui.sources.service import save_query

    if plan.id is not None and not plan.save:
        return plan.id
    try:
        return await save_query(session, owner, name=plan.name, sql=plan.sql, source=plan.source_id)
    except IntegrityError as error:
        raise Conflict(
            f"{owner.label} saved a query called {plan.name} at the same moment. Nothing was changed.",
            hint="Look at it, and try again.",
        ) from error


# -- the query ---------------------------------------------------------------------------------------------------------


async def _query(session: AsyncSession, actor: Actor, owner: Actor, spec: RuleSpec, current: UUID | None) -> QueryPlan:
    from datapulse_tui.sources.reads import get_query

    wanted = spec.query
    if isinstance(wanted, QuerySpec) and wanted.sql is not None and wanted.source is not None:
        return await _inline(session, actor, owner, wanted.name or spec.name, wanted.sql, wanted.source, current)
    found = await _saved(session, owner, wanted, current)
    if found.source_id is None:
        raise _slip(("query",), "found a query whose source was deleted, expected one on a source that is there")
    if found.id != current:
        if owner.user_id != actor.user_id:
            await get_query(session, actor, found.id)
        handle = await require_query_rights(session, actor, owner, found.source_id)
        await _require_guarded(handle, found.sql, ("query",))
    return QueryPlan(found.id, found.name, found.sql, found.source_id)


async def _saved(session: AsyncSession, owner: Actor, wanted: UUID | str | QuerySpec, current: UUID | None) -> QueryRow:
    """A saved query that the rule's owner may see, by id, by name, or by name and whose it is."""
    from datapulse_tui.dashboards.checking import found as shown
    from datapulse_tui.sources.reads import get_query

    key: UUID | str | None = _id_in(wanted) if isinstance(wanted, str) else None
    if isinstance(wanted, QuerySpec):
        key = wanted.name if wanted.owner is None else await _query_of(session, wanted.owner, wanted.name or "")
    elif key is None:
        key = wanted
    if key is not None:
        try:
            # What the rule has already is found even where it can no longer be seen.
            return await get_query(session, _anybody() if key == current else owner, key)
        except NotFound:
            pass
    name = wanted.name if isinstance(wanted, QuerySpec) else str(wanted)
    raise _slip(("query",), f"found {shown(name)}, expected a saved query that the rule's owner may see")


def _anybody() -> Actor:
    from datapulse_tui.audit.actor import Actor

    return Actor(None, "system:alerts", everything=True)


async def _query_of(session: AsyncSession, email: str, name: str) -> UUID | None:
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User
    from datapulse_tui.data.models.sources import Query

    statement = select(Query.id).join(User, User.id == Query.user_id)
    found: UUID | None = await session.scalar(statement.where(User.email == email.strip().lower(), Query.name == name))
    return found


async def _inline(
    session: AsyncSession, actor: Actor, owner: Actor, name: str, sql: str, source: str, current: UUID | None
) -> QueryPlan:
    """SQL in the rule: the owner's saved query of that name, found the same, to be made, or to be changed."""
    from datapulse_tui.sources.reads import source_handle
    from datapulse_tui.sources.rules import clean_name

    try:
        handle = await source_handle(session, _id_in(source) or source)
    except NotFound as error:
        raise _slip(("query", "source"), error.message.removesuffix(" Nothing was run or changed.")) from None
    cleaned = clean_name(name, "query")
    existing = await _owned(session, owner.user_id, cleaned)
    if existing is not None and existing.sql == sql and existing.data_source_id == handle.id:
        if existing.id != current:
            await require_query_rights(session, actor, owner, handle.id)
        return QueryPlan(existing.id, cleaned, sql, handle.id)
    if existing is not None and existing.id != current:
        raise _slip(
            ("query", "name"),
            f"there is a saved query called {cleaned} with another text, expected another name (or that query by name)",
        )
    await require_query_rights(session, actor, owner, handle.id)
    await _require_guarded(handle, sql, ("query", "sql"))
    return QueryPlan(
        existing.id if existing else None, cleaned, sql, handle.id, save=True, rewrites=existing is not None
    )


async def _owned(session: AsyncSession, owner_id: UUID | None, name: str) -> Any:
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import Query

    statement = select(Query.id, Query.sql, Query.data_source_id).where(Query.user_id == owner_id, Query.name == name)
    return (await session.execute(statement)).one_or_none()


async def _require_guarded(handle: SourceHandle, sql: str, path: Path) -> None:
    """Raise InvalidRule unless the SQL only reads and leaves nothing open but what a rule binds."""
    from datapulse_tui.alerts import parameters
    from datapulse_tui.sources import guard

    extra = frozenset(handle.config.get("allowed_functions", ()))
    policy = guard.Policy("duckdb" if handle.type == "csv" else "postgres", extra)
    try:
        checked = await asyncio.to_thread(guard.check, sql, policy)
    except Invalid as error:
        raise _slip(path, str(error)) from None
    if wrong := parameters.problem(checked.names):
        raise _slip(path, wrong)


def _slip(path: Path, message: str) -> InvalidRule:
    from datapulse_tui.dashboards.checking import Problem

    return InvalidRule([Problem(path, message)])


def _id_in(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def name_taken(name: str, owner: str) -> Conflict:
    """The error for a second living rule of one name and owner."""
    return Conflict(f"{owner} has a rule called {name} already. Nothing was changed.", hint="Give another name.")
