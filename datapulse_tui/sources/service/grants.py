"""Who may run and save SQL on a source besides those whose role allows it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.errors import NotFound
from datapulse_tui.sources import reads, rules
from datapulse_tui.sources.service.parts import record_change

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor


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
    await record_change(session, actor, "source.granted", handle.id, note={"source": handle.name, "person": address})
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
    await record_change(session, actor, "source.revoked", handle.id, note={"source": handle.name, "person": address})
    return True


async def _person(session: AsyncSession, email: str) -> tuple[UUID, str]:
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User
    from datapulse_tui.people.rules import normalise_email

    address = normalise_email(email)
    found = await session.scalar(select(User.id).where(User.email == address))
    if found is None:
        raise NotFound(f"There is nobody with the address {address[:80]}. Nothing was changed.", hint="Check it.")
    return found, address
