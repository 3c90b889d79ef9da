"""Writing the trail: one record for every change that a person or a job makes, in the change's own transaction."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datapulse_tui.audit.clean import Json, clean_mapping, clean_text
from datapulse_tui.data.at_commit import AuditRow, record_row

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

IP_ADDRESS_LENGTH = 50
LABEL_LENGTH = 255
USER_AGENT_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of many that one actor leaves at once; see `record` for what its parts are."""

    action: str
    resource_type: str
    resource_id: uuid.UUID | None
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    note: Mapping[str, object] | None = None


async def record(
    session: AsyncSession,
    actor: Actor,
    action: str,
    resource_type: str,
    resource_id: uuid.UUID | None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    *,
    note: Mapping[str, object] | None = None,
) -> None:
    """Add a record to the trail; it is written with the commit of the transaction of `session`, and only then.

    `action` is `noun.done` (`user.activated`), `before` and `after` are the thing's fields: with both given only those
    that differ are kept. `note` is what else to know (a reason). Secrets are taken out: values whose key says that they
    are one, and `Secret(...)`. Never waits for another writer.
    """
    record_row(session, _row(actor, action, resource_type, resource_id, _details(before, after, note)))


async def record_many(session: AsyncSession, actor: Actor, entries: Sequence[Entry]) -> None:
    """Like `record` for each of `entries`, in their order and in one statement: for jobs that change thousands."""
    for entry in entries:
        details = _details(entry.before, entry.after, entry.note)
        record_row(session, _row(actor, entry.action, entry.resource_type, entry.resource_id, details))


def _row(
    actor: Actor, action: str, resource_type: str, resource_id: uuid.UUID | None, details: dict[str, Json]
) -> AuditRow:
    return AuditRow(
        id=_new_id(),
        user_id=actor.user_id,
        actor=_cut(actor.recorded_as, LABEL_LENGTH),
        action=action,
        resource_type=resource_type,
        resource_id=resource_id,
        ip_address=_cut(actor.ip_address, IP_ADDRESS_LENGTH),
        user_agent=_cut(actor.user_agent, USER_AGENT_LENGTH),
        details=details,
    )


def _new_id() -> uuid.UUID:
    """A UUID that begins with the time (version 7 of RFC 9562): ids in order go to the end of their index, where a
    random one reads and writes a page of its own, twice after a checkpoint."""
    now = time.time_ns() // 1_000_000
    chance = int.from_bytes(os.urandom(10))
    return uuid.UUID(int=now << 80 | 7 << 76 | (chance >> 62 & 0xFFF) << 64 | 2 << 62 | chance & (1 << 62) - 1)


def _details(
    before: Mapping[str, object] | None, after: Mapping[str, object] | None, note: Mapping[str, object] | None
) -> dict[str, Json]:
    if before is not None and after is not None:
        before, after = _differences(before, after)
    parts = (("before", before), ("after", after), ("note", note))
    return {name: clean_mapping(part) for name, part in parts if part}


def _cut(text: str | None, length: int) -> str | None:
    return clean_text(text)[:length] if text else None


def _differences(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    missing = object()
    return (
        {key: value for key, value in before.items() if after.get(key, missing) != value},
        {key: value for key, value in after.items() if before.get(key, missing) != value},
    )
