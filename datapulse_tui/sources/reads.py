"""What screens and commands read about sources and saved queries. No secret ever comes out of here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import NotFound
from datapulse_tui.sources import rules
from datapulse_tui.sources.pool import SourceHandle

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Row, Select
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.page import Page

USERS_NAMED = 5

# Rules and metrics use a source through their saved query.
_USERS = """
SELECT kind, name, owner, count(*) OVER () AS total FROM (
    SELECT DISTINCT 'dashboard' AS kind, d.id, d.name, u.name AS owner
    FROM widgets w JOIN dashboards d ON d.id = w.dashboard_id JOIN users u ON u.id = d.user_id
    WHERE w.data_source_id = :id
    UNION ALL
    SELECT 'query', q.id, q.name, u.name FROM queries q JOIN users u ON u.id = q.user_id WHERE q.data_source_id = :id
) uses ORDER BY kind, name, id LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source in a list. `granted` says whether the reader may run SQL on it; `problem` is the last check's error."""

    id: UUID
    name: str
    type: str
    status: str
    address: str
    last_sync: datetime | None
    granted: bool
    warnings: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A table as the last check found it; columns are (name, kind, the source's name of the type)."""

    schema: str
    name: str
    columns: tuple[tuple[str, str, str], ...]
    rows: int | None


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source. `config` has dots in place of secrets; `tables` are those of the last check."""

    row: SourceRow
    config: Mapping[str, Any]
    version: str
    tables: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True)
class GrantRow:
    """Somebody who may query a source."""

    user_id: UUID
    email: str
    name: str
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class QueryRow:
    """A saved query. `source` is None when its source was deleted."""

    id: UUID
    name: str
    sql: str
    description: str
    owner: str
    source_id: UUID | None
    source: str | None
    updated_at: datetime


async def list_sources(
    session: AsyncSession, actor: Actor, *, text: str = "", after: str | None = None, limit: int = 200
) -> Page[SourceRow]:
    """A page of sources by name: all with `source:view`, otherwise those that are granted to the actor."""
    from datapulse_tui.data.models.sources import DataSource
    from datapulse_tui.data.page import SortKey, keyset, make_page

    statement = _sources(actor)
    if text:
        statement = statement.where(DataSource.name.icontains(text, autoescape=True))
    rows = (await session.execute(keyset(statement, [SortKey(DataSource.name.expression)], after, limit))).all()
    return make_page(rows, limit, lambda row: _source_row(row, actor), lambda row: [row.name])


async def get_source(session: AsyncSession, actor: Actor, source: UUID | str) -> SourceView:
    """One source by id or name. Raises NotFound, also for one that the actor may not see."""
    from datapulse_tui.data.secrets import redact

    row = (await session.execute(_sources(actor).where(_is(source)))).one_or_none()
    if row is None:
        raise not_found(source)
    meta: Mapping[str, Any] = row.meta or {}
    tables = tuple(
        TableRow(
            str(table.get("schema", "")),
            str(table.get("name", "")),
            tuple((str(c["name"]), str(c["kind"]), str(c["type"])) for c in table.get("columns", ())),
            table.get("rows"),
        )
        for table in meta.get("tables", ())
    )
    return SourceView(_source_row(row, actor), redact(row.connection_config), str(meta.get("version", "")), tables)


async def source_handle(session: AsyncSession, source: UUID | str) -> SourceHandle:
    """What `Sources` needs to reach a source. Asks for no right: for services that have decided that already.

    Raises NotFound.
    """
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSource

    found = (
        await session.execute(
            select(DataSource.id, DataSource.name, DataSource.type, DataSource.connection_config).where(_is(source))
        )
    ).one_or_none()
    if found is None:
        raise not_found(source)
    return SourceHandle(found.id, found.name, found.type, found.connection_config)


async def used_by(session: AsyncSession, source_id: UUID) -> str:
    """What uses a source, in words and by name ("dashboard Orders of Ana, query revenue of Ben and 3 more"); empty when
    nothing does. Asks for no right: for services that have decided that already."""
    from sqlalchemy import text

    rows = (await session.execute(text(_USERS), {"id": source_id, "limit": USERS_NAMED})).all()
    if not rows:
        return ""
    named = ", ".join(f"{row.kind} {row.name} of {row.owner}" for row in rows)
    more = rows[0].total - len(rows)
    return f"{named} and {more:,} more" if more else named


async def granted(session: AsyncSession, actor: Actor, source_id: UUID) -> bool:
    """Whether the source is granted to the actor (having the right to manage all counts as well)."""
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSourceGrant

    if actor.can(rules.MANAGE):
        return True
    if actor.user_id is None:
        return False
    statement = select(DataSourceGrant.user_id).where(
        DataSourceGrant.data_source_id == source_id, DataSourceGrant.user_id == actor.user_id
    )
    return await session.scalar(statement) is not None


async def list_grants(session: AsyncSession, actor: Actor, source: UUID | str) -> tuple[GrantRow, ...]:
    """Who may query a source besides the admins, by address. Needs `source:manage`."""
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User
    from datapulse_tui.data.models.sources import DataSourceGrant

    actor.require(rules.MANAGE, "see who may query a source")
    handle = await source_handle(session, source)
    found = await session.execute(
        select(User.id, User.email, User.name, DataSourceGrant.granted_at)
        .join(DataSourceGrant, DataSourceGrant.user_id == User.id)
        .where(DataSourceGrant.data_source_id == handle.id)
        .order_by(User.email)
    )
    return tuple(GrantRow(row.id, row.email, row.name, row.granted_at) for row in found)


async def list_queries(
    session: AsyncSession, actor: Actor, *, text: str = "", after: str | None = None, limit: int = 200
) -> Page[QueryRow]:
    """A page of saved queries by name: the actor's own, those on sources granted to them, or all with the right."""
    from datapulse_tui.data.models.sources import Query
    from datapulse_tui.data.page import SortKey, keyset, make_page

    statement = _queries(actor)
    if text:
        statement = statement.where(Query.name.icontains(text, autoescape=True))
    keys = [SortKey(Query.name.expression), SortKey(Query.id.expression)]
    rows = (await session.execute(keyset(statement, keys, after, limit))).all()
    return make_page(rows, limit, _query_row, lambda row: [row.name, row.id])


async def get_query(session: AsyncSession, actor: Actor, query: UUID | str) -> QueryRow:
    """One saved query by id, or by name (one's own before that of another). Raises NotFound."""
    from datapulse_tui.data.models.sources import Query

    wanted = Query.id == query if isinstance(query, UUID) else Query.name == query
    mine = (Query.user_id == actor.user_id).desc() if actor.user_id else Query.created_at.asc()
    row = (await session.execute(_queries(actor).where(wanted).order_by(mine, Query.created_at).limit(1))).one_or_none()
    if row is None:
        raise NotFound("There is no such saved query.", hint="`datapulse query list` shows those that you may see.")
    return _query_row(row)


def not_found(source: UUID | str) -> NotFound:
    """The error for a source that is not there, or not to be seen."""
    named = "" if isinstance(source, UUID) else f" called {source[:80]!r}"
    return NotFound(
        f"There is no source{named}. Nothing was run or changed.", hint="`datapulse source list` shows all."
    )


def _is(source: UUID | str) -> ColumnElement[bool]:
    from datapulse_tui.data.models.sources import DataSource

    return DataSource.id == source if isinstance(source, UUID) else DataSource.name == source


def _granted_to(actor: Actor) -> Select[UUID]:
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSourceGrant

    return select(DataSourceGrant.data_source_id).where(DataSourceGrant.user_id == actor.user_id)


def _sources(actor: Actor) -> Select[Any]:
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSource

    statement = select(
        DataSource.id, DataSource.name, DataSource.type, DataSource.status, DataSource.last_sync, DataSource.meta,
        DataSource.connection_config, DataSource.id.in_(_granted_to(actor)).label("granted"),
    )  # fmt: skip
    return statement if actor.can(rules.VIEW) else statement.where(DataSource.id.in_(_granted_to(actor)))


def _queries(actor: Actor) -> Select[*tuple[Any, ...]]:
    from sqlalchemy import or_, select

    from datapulse_tui.data.models.people import User
    from datapulse_tui.data.models.sources import DataSource, Query

    statement = (
        select(
            Query.id, Query.name, Query.sql, Query.description, Query.data_source_id, Query.updated_at,
            Query.created_at, User.email.label("owner"), DataSource.name.label("source"),
        )
        .join(User, User.id == Query.user_id)
        .outerjoin(DataSource, DataSource.id == Query.data_source_id)
    )  # fmt: skip
    if actor.can(rules.MANAGE_SAVED) or actor.can(rules.MANAGE):
        return statement
    own = Query.user_id == actor.user_id
    if actor.can(rules.SEE_SAVED):
        return statement.where(or_(own, Query.data_source_id.in_(_granted_to(actor))))
    return statement.where(own)


def _address(config: Mapping[str, Any]) -> str:
    """Where a source is, from what is stored; it is shown even where the configuration is no longer valid."""
    if "path" in config:
        return str(config["path"])
    if "host" not in config:
        return f"service {config['service']}" if "service" in config else ""
    return f"{config['host']}:{config.get('port', 5432)}/{config.get('dbname', '')}"


def _source_row(row: Row[Any], actor: Actor) -> SourceRow:
    meta: Mapping[str, Any] = row.meta or {}
    return SourceRow(
        id=row.id,
        name=row.name,
        type=row.type,
        status=row.status,
        address=_address(row.connection_config),
        last_sync=row.last_sync,
        granted=rules.may_query(actor, granted=row.granted),
        warnings=tuple(str(warning) for warning in meta.get("warnings", ())),
        problem=str(meta.get("problem", "")),
    )


def _query_row(row: Row[Any]) -> QueryRow:
    return QueryRow(
        id=row.id,
        name=row.name,
        sql=row.sql,
        description=row.description or "",
        owner=row.owner,
        source_id=row.data_source_id,
        source=row.source,
        updated_at=row.updated_at,
    )
