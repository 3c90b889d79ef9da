"""Sources are added, changed and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import Conflict
from datapulse_tui.sources import reads, rules
from datapulse_tui.sources.service.parts import locked, record_change

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.sources.schemas import SourceConfig

_ADDRESS = frozenset({"host", "port", "dbname", "user", "password", "service"})


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
    await record_change(session, actor, "source.added", made, after=_shown(cleaned, type, stored))
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
    row = await locked(session, source)
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
    await record_change(session, actor, "source.updated", row.id, before=before, after=after, note=note)
    return row.id


async def delete_source(session: AsyncSession, actor: Actor, source: UUID | str) -> str:
    """Delete a source with its grants and return its name.

    Raises NotAllowed, NotFound, and Conflict while widgets or saved queries use it: those would stand without one.
    """
    actor.require(rules.MANAGE, "delete sources")
    row = await locked(session, source)  # whoever begins to use it meanwhile waits, and finds it gone
    used = await reads.used_by(session, row.id)
    if used:
        raise Conflict(
            f"The source {row.name} is in use: {used}. Nothing was changed.",
            hint="Give those another source, or delete them, first.",
        )
    before = _shown(row.name, row.type, row.connection_config)
    await session.delete(row)
    await session.flush()
    await record_change(session, actor, "source.deleted", row.id, before=before)
    return row.name


async def _parsed(type_: str, config: Mapping[str, Any], csv_folders: Sequence[Path]) -> SourceConfig:
    from datapulse_tui.sources.adapters.csv_files import require_allowed
    from datapulse_tui.sources.schemas import CsvConfig, parse_config

    parsed = parse_config(type_, config)
    if isinstance(parsed, CsvConfig):
        real = await asyncio.to_thread(require_allowed, parsed.path, csv_folders)
        # a relative path would mean another file in another process
        parsed = parsed.model_copy(update={"path": str(real)})
    return parsed


def _taken(name: str) -> Conflict:
    return Conflict(f"There is already a source called {name}. Nothing was changed.", hint="Give another name.")


def _shown(name: str, type_: str, config: Mapping[str, Any]) -> dict[str, object]:
    from datapulse_tui.data.secrets import redact

    return {"name": name, "type": type_, "config": redact(config)}


async def _exists(session: AsyncSession, name: str) -> bool:
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSource

    return await session.scalar(select(DataSource.id).where(DataSource.name == name)) is not None
