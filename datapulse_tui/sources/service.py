"""What changes sources, their grants and saved queries, and what runs SQL for a person.

Changes happen in the caller's transaction. `check_source` and `run_query` talk to the source for seconds, so they take
the database and open short transactions of their own around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotFound
from datapulse_tui.sources import reads, rules
from datapulse_tui.sources.adapters.base import DEFAULT_LIMIT, DEFAULT_TIMEOUT, SourceCheck, SourceSchema
from datapulse_tui.sources.watchers import tell_query_changed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.models.sources import DataSource
    from datapulse_tui.data.result import Result
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.sources.pool import SourceHandle, Sources
    from datapulse_tui.sources.schemas import SourceConfig

TOPIC = "sources"
QUERIES_TOPIC = "queries"
KIND = "data_source"
QUERY_KIND = "query"
LARGEST_LIMIT = 1_000_000  # rows of one run


@dataclass(frozen=True, slots=True)
class CheckedSource:
    """What a check found and stored. `schema` are the tables; a failed check raises instead."""

    check: SourceCheck
    schema: SourceSchema


# -- sources -----------------------------------------------------------------------------------------------------------


async def add_source(
    session: AsyncSession,
    actor: Actor,
    secrets: SecretBox,
    *,
    name: str,
    type: str,
    config: Mapping[str, Any],
    csv_folders: Sequence[Path] = (),
) -> UUID:
    """Add a source and return its id. It is not connected to: see `check_source`.

    `config` is what schemas.py takes for the type, secrets in plain text; they are stored encrypted. Raises NotAllowed
    without `source:manage`, Invalid, Conflict when the name is taken.
    """
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.sources import DataSource

    actor.require(rules.MANAGE, "add sources")
    cleaned = rules.clean_name(name, "source")
    parsed = await _parsed(type, config, csv_folders)
    stored = await asyncio.to_thread(secrets.seal, parsed.document(), parsed.secret_fields)
    made: UUID | None = await session.scalar(
        insert(DataSource)
        .values(name=cleaned, type=type, connection_config=stored, status="pending")
        .on_conflict_do_nothing(index_elements=[DataSource.name])
        .returning(DataSource.id)
    )
    if made is None:
        raise _taken(cleaned)
    await _record(session, actor, "source.added", made, after=_shown(cleaned, type, stored))
    return made


async def update_source(
    session: AsyncSession,
    actor: Actor,
    secrets: SecretBox,
    source: UUID | str,
    *,
    name: str | None = None,
    changes: Mapping[str, Any] | None = None,
    allow_functions: Sequence[str] = (),
    csv_folders: Sequence[Path] = (),
) -> UUID:
    """Change a source's name or parts of its configuration (None takes a part away) and return its id.

    `allow_functions` are added to those that are allowed. What is not in `changes` stays as it is, stored secrets
    included. Running processes take the new configuration with their next query. Raises what `add_source` raises, and
    NotFound.
    """
    actor.require(rules.MANAGE, "change sources")
    row = await _locked(session, source)
    before = _shown(row.name, row.type, row.connection_config)
    changes = dict(changes or {})
    if allow_functions:
        changes["allowed_functions"] = [*row.connection_config.get("allowed_functions", ()), *allow_functions]
    if changes:
        given = {key: value for key, value in changes.items() if value is not None}
        kept = {key: value for key, value in row.connection_config.items() if key not in changes}
        if given.get("url") is not None:
            kept = {key: value for key, value in kept.items() if key not in _ADDRESS}
        plain = await asyncio.to_thread(secrets.unseal, kept)
        parsed = await _parsed(row.type, {**plain, **given}, csv_folders)
        document = parsed.document()
        # what did not change keeps its token, so that saving twice writes the same
        document |= {key: kept[key] for key in parsed.secret_fields if key in kept and document.get(key) == plain[key]}
        row.connection_config = await asyncio.to_thread(secrets.seal, document, parsed.secret_fields)
        row.status = "pending"
    if name is not None and name != row.name:
        cleaned = rules.clean_name(name, "source")
        if await _exists(session, cleaned):
            raise _taken(cleaned)
        row.name = cleaned
    await session.flush()
    after = _shown(row.name, row.type, row.connection_config)
    note = {"changed": sorted(changes)}  # a new password looks like the old one in before and after
    await _record(session, actor, "source.updated", row.id, before=before, after=after, note=note)
    return row.id


async def check_source(data: Database, sources: Sources, actor: Actor, source: UUID | str) -> CheckedSource:
    """Connect to a source and keep what was found: status, time, tables, warnings.

    Needs `source:manage`, or the right to query it. Raises what the adapter raises when it cannot be reached; the
    source then stands as error, with the reason.
    """
    handle = await _reachable(data, actor, source)
    try:
        found = CheckedSource(await sources.check(handle), await sources.schema(handle))
    except DataPulseError as error:
        await _keep(data, actor, handle, "error", {"problem": error.message})
        raise
    await _keep(data, actor, handle, "connected", _metadata(found))
    return found


async def delete_source(session: AsyncSession, actor: Actor, source: UUID | str) -> str:
    """Delete a source with its grants and return its name.

    Raises NotAllowed, NotFound, and Conflict while widgets or saved queries use it: those would stand without one.
    """
    actor.require(rules.MANAGE, "delete sources")
    row = await _locked(session, source)  # whoever begins to use it meanwhile waits, and finds it gone
    used = await reads.used_by(session, row.id)
    if used:
        raise Conflict(
            f"The source {row.name} is in use: {used}. Nothing was changed.",
            hint="Give those another source, or delete them, first.",
        )
    before = _shown(row.name, row.type, row.connection_config)
    await session.delete(row)
    await session.flush()
    await _record(session, actor, "source.deleted", row.id, before=before)
    return row.name


# -- grants ------------------------------------------------------------------------------------------------------------


async def grant_source(session: AsyncSession, actor: Actor, source: UUID | str, email: str) -> bool:
    """Let a person run and save SQL on a source. False when they could already. Raises NotAllowed, NotFound."""
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.sources import DataSourceGrant

    actor.require(rules.MANAGE, "grant sources")
    handle = await reads.source_handle(session, source)
    user_id, address = await _person(session, email)
    made = await session.scalar(
        insert(DataSourceGrant)
        .values(data_source_id=handle.id, user_id=user_id, granted_by=actor.user_id)
        .on_conflict_do_nothing()
        .returning(DataSourceGrant.user_id)
    )
    if made is None:
        return False
    await _record(session, actor, "source.granted", handle.id, note={"source": handle.name, "person": address})
    return True


async def revoke_source(session: AsyncSession, actor: Actor, source: UUID | str, email: str) -> bool:
    """Take a grant back. False when there was none. Raises NotAllowed, NotFound."""
    from sqlalchemy import delete

    from datapulse_tui.data.models.sources import DataSourceGrant

    actor.require(rules.MANAGE, "revoke grants of sources")
    handle = await reads.source_handle(session, source)
    user_id, address = await _person(session, email)
    gone = await session.scalar(
        delete(DataSourceGrant)
        .where(DataSourceGrant.data_source_id == handle.id, DataSourceGrant.user_id == user_id)
        .returning(DataSourceGrant.user_id)
    )
    if gone is None:
        return False
    await _record(session, actor, "source.revoked", handle.id, note={"source": handle.name, "person": address})
    return True


# -- queries -----------------------------------------------------------------------------------------------------------


async def authorise(session: AsyncSession, actor: Actor, source: UUID | str) -> SourceHandle:
    """The source, if `actor` may run and save SQL on it: for everything that takes SQL from a person.

    Raises NotAllowed, and NotFound for a source that they may not even see.
    """
    actor.require(rules.QUERY, "run or save SQL")
    handle = await reads.source_handle(session, source)
    granted = await reads.granted(session, actor, handle.id)
    if not granted and not actor.can(rules.VIEW):
        raise reads.not_found(source)
    rules.require_query(actor, granted=granted, source=handle.name)
    return handle


async def run_query(
    data: Database,
    sources: Sources,
    actor: Actor,
    *,
    source: UUID | str,
    sql: str,
    params: Mapping[str, object] | None = None,
    limit: int = DEFAULT_LIMIT,
    timeout: float = DEFAULT_TIMEOUT,
    tag: str = "",
) -> Result:
    """Run SQL that a person wrote. It changes nothing, so it leaves no audit record.

    Raises NotAllowed, NotFound, Invalid (refused by the guard or by the source), QueryTimeout, Unavailable.
    """
    if not 1 <= limit <= LARGEST_LIMIT:
        raise Invalid(f"The limit must be between 1 and {LARGEST_LIMIT:,} rows.", hint="Give another limit.")
    async with data.reading() as session:
        handle = await authorise(session, actor, source)
    return await sources.run(handle, sql, params, limit=limit, timeout=timeout, tag=tag)


async def save_query(
    session: AsyncSession,
    actor: Actor,
    *,
    name: str,
    sql: str,
    source: UUID | str,
    description: str | None = None,
) -> UUID:
    """Save a query under the actor's name for it (an earlier one of that name is replaced) and return its id.

    The text must pass the guard of its source. Raises NotAllowed, NotFound, Invalid.
    """
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import Query

    actor.require(rules.SAVE, "save queries")
    if actor.user_id is None:
        raise Invalid(
            "A saved query belongs to a person, and you act as an operator. Nothing was saved.",
            hint="Say in whose name: datapulse --as EMAIL query save ...",
        )
    cleaned = rules.clean_name(name, "query")
    handle = await authorise(session, actor, source)
    await asyncio.to_thread(_require_guarded, handle, sql)
    row = await session.scalar(
        select(Query).where(Query.user_id == actor.user_id, Query.name == cleaned).with_for_update()
    )
    before = None if row is None else _query_shown(row)
    if row is None:
        row = Query(user_id=actor.user_id, name=cleaned)
        session.add(row)
    row.sql, row.data_source_id = sql, handle.id
    if description is not None or before is None:
        row.description = description
    await session.flush()
    action = "query.saved" if before is None else "query.updated"
    await _record(session, actor, action, row.id, before=before, after=_query_shown(row), kind=QUERY_KIND)
    if before is not None and (before["sql"], before["data_source_id"]) != (row.sql, row.data_source_id):
        await tell_query_changed(session, actor, row.id)
    return row.id


# -- parts -------------------------------------------------------------------------------------------------------------

_ADDRESS = frozenset({"host", "port", "dbname", "user", "password", "service"})


async def _parsed(type_: str, config: Mapping[str, Any], csv_folders: Sequence[Path]) -> SourceConfig:
    from datapulse_tui.sources.adapters.csv_files import require_allowed
    from datapulse_tui.sources.schemas import CsvConfig, parse_config

    parsed = parse_config(type_, config)
    if isinstance(parsed, CsvConfig):
        real = await asyncio.to_thread(require_allowed, parsed.path, csv_folders)
        # a relative path would mean another file in another process
        parsed = parsed.model_copy(update={"path": str(real)})
    return parsed


def _require_guarded(handle: SourceHandle, sql: str) -> None:
    from datapulse_tui.sources import guard

    extra = frozenset(handle.config.get("allowed_functions", ()))
    guard.check(sql, guard.Policy("duckdb" if handle.type == "csv" else "postgres", extra))


def _taken(name: str) -> Conflict:
    return Conflict(f"There is already a source called {name}. Nothing was changed.", hint="Give another name.")


def _shown(name: str, type_: str, config: Mapping[str, Any]) -> dict[str, object]:
    from datapulse_tui.data.secrets import redact

    return {"name": name, "type": type_, "config": redact(config)}


def _query_shown(row: Any) -> dict[str, object]:
    return {"name": row.name, "sql": row.sql, "description": row.description, "data_source_id": row.data_source_id}


def _metadata(found: CheckedSource) -> dict[str, Any]:
    return {
        "version": found.check.version,
        "warnings": list(found.check.warnings),
        "truncated": found.schema.truncated,
        "tables": [
            {
                "schema": table.schema,
                "name": table.name,
                "rows": table.rows,
                "columns": [{"name": c.name, "kind": c.kind.value, "type": c.native} for c in table.columns],
            }
            for table in found.schema.tables
        ],
    }


async def _record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    resource_id: UUID,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    note: Mapping[str, object] | None = None,
    kind: str = KIND,
) -> None:
    """The audit record and the change event, in the same transaction as the change."""
    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    await record(session, actor, action, kind, resource_id, before, after, note=note)
    await emit(session, TOPIC if kind == KIND else QUERIES_TOPIC, resource_id)


async def _locked(session: AsyncSession, source: UUID | str) -> DataSource:
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSource

    wanted = DataSource.id == source if isinstance(source, UUID) else DataSource.name == source
    row = await session.scalar(select(DataSource).where(wanted).with_for_update())
    if row is None:
        raise reads.not_found(source)
    return row


async def _exists(session: AsyncSession, name: str) -> bool:
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSource

    return await session.scalar(select(DataSource.id).where(DataSource.name == name)) is not None


async def _person(session: AsyncSession, email: str) -> tuple[UUID, str]:
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User
    from datapulse_tui.people.rules import normalise_email

    address = normalise_email(email)
    found = await session.scalar(select(User.id).where(User.email == address))
    if found is None:
        raise NotFound(f"There is nobody with the address {address[:80]}. Nothing was changed.", hint="Check it.")
    return found, address


async def _reachable(data: Database, actor: Actor, source: UUID | str) -> SourceHandle:
    async with data.reading() as session:
        if actor.can(rules.MANAGE):
            return await reads.source_handle(session, source)
        return await authorise(session, actor, source)


async def _keep(data: Database, actor: Actor, handle: SourceHandle, status: str, found: Mapping[str, Any]) -> None:
    """Store what a check found, unless the source's configuration was changed meanwhile."""
    from sqlalchemy import func

    from datapulse_tui.audit.clean import clean_mapping

    async with data.transaction() as session:
        row = await _locked(session, handle.id)
        if row.connection_config != handle.config:
            return
        before = row.status
        kept = row.meta if status == "error" else {}  # a failed check keeps the tables that were known
        row.meta = {**kept, **clean_mapping({**found})}
        row.status = status
        if status == "connected":
            row.last_sync = func.now()
        await session.flush()
        if before != status:
            after = {"status": status, **({"problem": found["problem"]} if "problem" in found else {})}
            await _record(session, actor, "source.checked", handle.id, before={"status": before}, after=after)
        else:
            from datapulse_tui.data.feed import emit

            await emit(session, TOPIC, handle.id)
