"""What a transaction says last: its audit records and what it tells the desks, in one statement before the commit.

Neither has an answer, and both are to happen if and only if the transaction commits. Sent each by itself, they cost a
writer as much as the change that they tell of: a trip to the server each, twice over with several of them.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session, SessionTransaction

_SAID = "datapulse_at_commit"

_NAMES = (
    "id", "user_id", "actor", "action", "resource_type", "resource_id", "ip_address", "user_agent", "details",
)  # fmt: skip
_COLUMNS = ", ".join(_NAMES)
_ONE = f"INSERT INTO audit_logs ({_COLUMNS}) VALUES ({', '.join(f'%({name})s' for name in _NAMES)})"  # noqa: S608
# In the order of the rows: numbers are given as they come.
_MANY = f"""
INSERT INTO audit_logs ({_COLUMNS})
SELECT CAST(r->>0 AS uuid), CAST(r->>1 AS uuid), r->>2, r->>3, r->>4, CAST(r->>5 AS uuid), r->>6, r->>7, r->8
FROM jsonb_array_elements(CAST(%(rows)s AS jsonb)) WITH ORDINALITY AS given(r, place) ORDER BY place
"""  # noqa: S608  (constants of ours)
_TELL = (
    "SELECT pg_notify(channel, payload) "
    "FROM unnest(CAST(%(channels)s AS text[]), CAST(%(payloads)s AS text[])) AS told(channel, payload)"
)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of `audit_logs` as a writer gives it; `details` is JSON. The rest is the server's."""

    id: UUID
    user_id: UUID | None
    actor: str | None
    action: str
    resource_type: str
    resource_id: UUID | None
    ip_address: str | None
    user_agent: str | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Said:
    """One thing to be said, and the savepoints and the transaction inside which it was asked for."""

    what: AuditRow | tuple[str, str]
    inside: tuple[SessionTransaction, ...]


def record_row(session: AsyncSession, row: AuditRow) -> None:
    """Write `row` with the commit of `session`'s transaction; rolling back (a savepoint, too) takes it back."""
    _say(session.sync_session, row)


def tell(session: AsyncSession, channel: str, payload: str) -> None:
    """Notify `channel` with the commit of `session`'s transaction, once for equal payloads."""
    _say(session.sync_session, (channel, payload))


def _say(session: Session, what: AuditRow | tuple[str, str]) -> None:
    _listen()
    if not session.in_transaction():
        session.begin()
    inside = []
    transaction = session.get_nested_transaction() or session.get_transaction()
    while transaction is not None:
        inside.append(transaction)
        transaction = transaction.parent
    session.info.setdefault(_SAID, []).append(_Said(what, tuple(inside)))


@functools.cache
def _listen() -> None:
    """Hear of the commits and rollbacks of every session."""
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    event.listen(Session, "before_commit", _write)
    event.listen(Session, "after_soft_rollback", _forget)


def _write(session: Session) -> None:
    """Before the commit of the whole transaction (not of a savepoint): say it."""
    said: list[_Said] = session.info.get(_SAID, [])
    if not said or session.in_nested_transaction():
        return
    # What a closed transaction of the same session left behind was rolled back with it.
    kept = [each.what for each in said if session.get_transaction() in each.inside]
    said.clear()
    session.flush()
    rows = [each for each in kept if isinstance(each, AuditRow)]
    told = list(dict.fromkeys(each for each in kept if not isinstance(each, AuditRow)))
    if kept:
        statement, params = _statement(rows, told)
        session.connection().exec_driver_sql(statement, params)


def _statement(rows: list[AuditRow], told: list[tuple[str, str]]) -> tuple[str, dict[str, object]]:
    params: dict[str, object] = {}
    if len(rows) == 1:
        params = {name: getattr(rows[0], name) for name in _NAMES}
        params["details"] = json.dumps(rows[0].details)
    elif rows:
        params["rows"] = json.dumps([[getattr(row, name) for name in _NAMES] for row in rows], default=str)
    insert = (_ONE if len(rows) == 1 else _MANY) if rows else ""
    if not told:
        return insert, params
    params |= {"channels": [channel for channel, _ in told], "payloads": [payload for _, payload in told]}
    return (f"WITH recorded AS ({insert}) {_TELL}" if insert else _TELL), params


def _forget(session: Session, ended: SessionTransaction) -> None:
    """After a rollback: what was asked for inside it was never asked for."""
    said: list[_Said] = session.info.get(_SAID, [])
    said[:] = [each for each in said if ended not in each.inside]
