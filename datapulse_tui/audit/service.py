"""Writing the trail: one record for every change that a person or a job makes, in the change's own transaction."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datapulse_tui.audit.clean import Json, clean_mapping, clean_text

if TYPE_CHECKING:
    from sqlalchemy import Insert
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

IP_ADDRESS_LENGTH = 50
LABEL_LENGTH = 255
USER_AGENT_LENGTH = 500

# In the order of the entries: `seq` is given as the rows come.
_RECORD_MANY = """
INSERT INTO audit_logs (user_id, actor, action, resource_type, resource_id, ip_address, user_agent, details)
SELECT CAST(:user_id AS uuid), :actor, entry->>0, entry->>1, CAST(entry->>2 AS uuid), :ip_address, :user_agent,
       entry->3
FROM jsonb_array_elements(CAST(:entries AS jsonb)) WITH ORDINALITY AS given(entry, place) ORDER BY place
"""


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
    """Add a record to the trail; it is there when (and only if) the transaction of `session` commits.

    `action` is `noun.done` (`user.activated`), `before` and `after` are the thing's fields: with both given only those
    that differ are kept. `note` is what else to know (a reason). Secrets are taken out: values whose key says that they
    are one, and `Secret(...)`. Never waits for another writer.
    """
    await session.execute(
        _insert(),
        _who(actor)
        | {
            "id": uuid.uuid4(),
            "action": action,
            "resource_type": resource_type,
            "resource_id": resource_id,
            "details": _details(before, after, note),
        },
    )


async def record_many(session: AsyncSession, actor: Actor, entries: Sequence[Entry]) -> None:
    """Like `record` for each of `entries`, in their order and in one statement: for jobs that change thousands."""
    if not entries:
        return
    from sqlalchemy import text

    rows = [
        (
            entry.action,
            entry.resource_type,
            None if entry.resource_id is None else str(entry.resource_id),
            _details(entry.before, entry.after, entry.note),
        )
        for entry in entries
    ]
    await session.execute(text(_RECORD_MANY), _who(actor) | {"entries": json.dumps(rows)})


def _who(actor: Actor) -> dict[str, object]:
    return {
        "user_id": actor.user_id,
        "actor": _cut(actor.recorded_as, LABEL_LENGTH),
        "ip_address": _cut(actor.ip_address, IP_ADDRESS_LENGTH),
        "user_agent": _cut(actor.user_agent, USER_AGENT_LENGTH),
    }


def _details(
    before: Mapping[str, object] | None, after: Mapping[str, object] | None, note: Mapping[str, object] | None
) -> dict[str, Json]:
    if before is not None and after is not None:
        before, after = _differences(before, after)
    parts = (("before", before), ("after", after), ("note", note))
    return {name: clean_mapping(part) for name, part in parts if part}


@functools.cache
def _insert() -> Insert:
    """The statement, made once. The id comes with it and the rest is the server's, so nothing has to be returned."""
    from sqlalchemy import insert

    from datapulse_tui.data.models.audit import AuditLog

    return insert(AuditLog.__table__).inline()  # type: ignore[arg-type]  # a Table, which the stubs call FromClause


def _cut(text: str | None, length: int) -> str | None:
    return clean_text(text)[:length] if text else None


def _differences(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    missing = object()
    return (
        {key: value for key, value in before.items() if after.get(key, missing) != value},
        {key: value for key, value in after.items() if before.get(key, missing) != value},
    )
