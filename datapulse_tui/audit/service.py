"""Writing the trail: one record for every change that a person or a job makes, in the change's own transaction."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datapulse_tui.audit.clean import Json, clean_mapping, clean_text

if TYPE_CHECKING:
    from sqlalchemy import Insert
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

IP_ADDRESS_LENGTH = 50
LABEL_LENGTH = 255
USER_AGENT_LENGTH = 500


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
    if before is not None and after is not None:
        before, after = _differences(before, after)
    details: dict[str, Json] = {}
    for name, part in (("before", before), ("after", after), ("note", note)):
        if part:
            details[name] = clean_mapping(part)
    await session.execute(
        _insert(),
        {
            "id": uuid.uuid4(),
            "user_id": actor.user_id,
            "actor": _cut(actor.recorded_as, LABEL_LENGTH),
            "action": action,
            "resource_type": resource_type,
            "resource_id": resource_id,
            "ip_address": _cut(actor.ip_address, IP_ADDRESS_LENGTH),
            "user_agent": _cut(actor.user_agent, USER_AGENT_LENGTH),
            "details": details,
        },
    )


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
