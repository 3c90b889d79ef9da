"""What changes channels. Their secrets are stored encrypted and never shown again."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.errors import Conflict, Invalid, NotFound
from datapulse_tui.notify.intents import CHANNELS_TOPIC, DELIVERIES_TOPIC, MANAGE

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.models.notify import NotificationChannel
    from datapulse_tui.data.secrets import SecretBox

KIND = "notification_channel"
LONGEST_NAME = 100

_FAIL_WAITING = """
UPDATE deliveries SET status = 'failed', updated_at = now(),
    reason = 'The channel ' || CAST(:name AS text) || ' was deleted before this was sent.'
WHERE channel_id = :channel AND status = 'pending'
"""


async def create_channel(
    session: AsyncSession,
    actor: Actor,
    secrets: SecretBox,
    *,
    name: str,
    type: str,
    config: Mapping[str, Any],
    default: bool | None = None,
) -> UUID:
    """Add a channel and return its id. Nothing is sent: see `test_channel`.

    `config` is what schemas.py takes for the type, secrets in plain text. `default` None makes it the default of its
    type when there is none yet. Raises NotAllowed without `delivery:manage`, Invalid, Conflict when the name is taken.
    """
    from sqlalchemy import select
    from sqlalchemy.dialects.postgresql import insert

    from datapulse_tui.data.models.notify import NotificationChannel

    actor.require(MANAGE, "add channels")
    cleaned = _clean_name(name)
    stored = await _sealed(secrets, type, config)
    await _one_at_a_time(session)
    if default is None:
        has_default = select(NotificationChannel.id).where(
            NotificationChannel.type == type, NotificationChannel.is_default
        )
        default = await session.scalar(has_default) is None
    if default:
        await _no_default(session, type)
    made: UUID | None = await session.scalar(
        insert(NotificationChannel)
        .values(name=cleaned, type=type, config=stored, is_default=default)
        .on_conflict_do_nothing(index_elements=[NotificationChannel.name])
        .returning(NotificationChannel.id)
    )
    if made is None:
        raise _taken(cleaned)
    row = await _locked(session, made)
    await _record(session, actor, "channel.added", made, after=_shown(row))
    return made


async def update_channel(
    session: AsyncSession,
    actor: Actor,
    secrets: SecretBox,
    channel: UUID | str,
    *,
    name: str | None = None,
    changes: Mapping[str, Any] | None = None,
    default: bool | None = None,
    active: bool | None = None,
    version: int | None = None,
) -> UUID:
    """Change a channel (by id or name) and return its id; what is not given stays, stored secrets included.

    In `changes` None takes a part away. `version` is the one that the person saw: Conflict if it is another by now.
    What already waits is sent with the new configuration. Raises what `create_channel` raises, and NotFound.
    """
    actor.require(MANAGE, "change channels")
    await _one_at_a_time(session)
    row = await _locked(session, channel)
    if version is not None and version != row.version:
        raise Conflict(
            f"The channel {row.name} was changed by somebody else meanwhile. Nothing was changed.", hint="Look again."
        )
    before = _shown(row)
    if changes:
        kept = {key: value for key, value in row.config.items() if key not in changes}
        given = {key: value for key, value in changes.items() if value is not None}
        plain = await asyncio.to_thread(secrets.unseal, kept)
        row.config = await _sealed(secrets, row.type, {**plain, **given})
        row.problem, row.checked_at = None, None
    if name is not None and name != row.name:
        row.name = await _free_name(session, name)
    if active is not None:
        row.is_active = active
    if default is not None and default != row.is_default:
        if default:
            await _no_default(session, row.type)
        row.is_default = default
    row.version += 1
    await session.flush()
    note = {"changed": sorted(changes or {})}  # a new secret looks like the old one in before and after
    await _record(session, actor, "channel.updated", row.id, before=before, after=_shown(row), note=note)
    return row.id


async def delete_channel(session: AsyncSession, actor: Actor, channel: UUID | str) -> str:
    """Delete a channel and return its name. What waits for it fails, with that reason; what was sent stays on record.

    Rules that name it tell nobody through it until they name another. Raises NotAllowed, NotFound.
    """
    from sqlalchemy import text

    from datapulse_tui.data.feed import emit

    actor.require(MANAGE, "delete channels")
    await _one_at_a_time(session)
    row = await _locked(session, channel)
    before = _shown(row)
    await session.execute(text(_FAIL_WAITING), {"channel": row.id, "name": row.name})
    await session.delete(row)
    await session.flush()
    await _record(session, actor, "channel.deleted", row.id, before=before)
    await emit(session, DELIVERIES_TOPIC)
    return row.name


async def _sealed(secrets: SecretBox, type_: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it is stored, with the address that lists show."""
    from datapulse_tui.notify.schemas import SHOWN, parse_config

    parsed = parse_config(type_, config)
    sealed = await asyncio.to_thread(secrets.seal, parsed.document(), parsed.secret_fields)
    return {**sealed, SHOWN: parsed.address}


def _clean_name(name: str) -> str:
    cleaned = unicodedata.normalize("NFC", name.strip())
    if not cleaned or len(cleaned) > LONGEST_NAME or not cleaned.isprintable():
        raise Invalid(f"A channel's name has 1 to {LONGEST_NAME} characters on one line. Nothing was changed.")
    return cleaned


async def _free_name(session: AsyncSession, name: str) -> str:
    from sqlalchemy import select

    from datapulse_tui.data.models.notify import NotificationChannel

    cleaned = _clean_name(name)
    if await session.scalar(select(NotificationChannel.id).where(NotificationChannel.name == cleaned)) is not None:
        raise _taken(cleaned)
    return cleaned


def _taken(name: str) -> Conflict:
    return Conflict(f"There is already a channel called {name}. Nothing was changed.", hint="Give another name.")


def not_found(channel: UUID | str) -> NotFound:
    """The error for a channel that is not there."""
    named = "" if isinstance(channel, UUID) else f" called {channel[:80]!r}"
    return NotFound(f"There is no channel{named}. Nothing was changed.", hint="`datapulse channel list` shows all.")


async def _one_at_a_time(session: AsyncSession) -> None:
    """Changes of channels one after the other: names and defaults are decided by looking at all of them."""
    from sqlalchemy import text

    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('notification_channels', 0))"))


async def _no_default(session: AsyncSession, type_: str) -> None:
    from sqlalchemy import update

    from datapulse_tui.data.models.notify import NotificationChannel

    await session.execute(
        update(NotificationChannel)
        .where(NotificationChannel.type == type_, NotificationChannel.is_default)
        .values(is_default=False, version=NotificationChannel.version + 1)
        .execution_options(synchronize_session=False)
    )


async def _locked(session: AsyncSession, channel: UUID | str) -> NotificationChannel:
    from sqlalchemy import select

    from datapulse_tui.data.models.notify import NotificationChannel

    wanted = NotificationChannel.id == channel if isinstance(channel, UUID) else NotificationChannel.name == channel
    row = await session.scalar(select(NotificationChannel).where(wanted).with_for_update())
    if row is None:
        raise not_found(channel)
    return row


def _shown(row: NotificationChannel) -> dict[str, object]:
    from datapulse_tui.data.secrets import redact

    return {
        "name": row.name,
        "type": row.type,
        "config": redact(row.config),
        "is_active": row.is_active,
        "is_default": row.is_default,
    }


async def _record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    channel_id: UUID,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    note: Mapping[str, object] | None = None,
) -> None:
    """The audit record and the change event, in the same transaction as the change."""
    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    await record(session, actor, action, KIND, channel_id, before, after, note=note)
    await emit(session, CHANNELS_TOPIC, channel_id)
