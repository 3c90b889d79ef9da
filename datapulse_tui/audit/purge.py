"""Retention: what is old is exported to a file that proves itself, and then removed, by the owner's role.

Whole seals with their records go, in one transaction, and a base is kept from which the chain goes on. Whoever dies in
the middle leaves a trail from which nothing was removed, and at most a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datapulse_tui.audit import archive, chain
from datapulse_tui.audit.chain import Seal, microseconds
from datapulse_tui.audit.service import record
from datapulse_tui.audit.verify import Progress, verify_in
from datapulse_tui.data.glance import fetch
from datapulse_tui.errors import Conflict, Invalid, NotAllowed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database

KIND = "audit"
SEALS_AT_ONCE = 200

_OWNS = """
SELECT pg_has_role(current_user, c.relowner, 'USAGE') AS owner FROM pg_class c WHERE c.oid = 'audit_logs'::regclass
"""
# The seals before the first that is too young. The last of all, and the last of this run of the server, stay: the
# sealer goes on from them.
_LAST = """
SELECT least(
    coalesce((SELECT min(id) FROM audit_seals WHERE created_at >= :before), (SELECT max(id) FROM audit_seals) + 1),
    (SELECT seal_id FROM audit_head),
    (SELECT max(id) FROM audit_seals WHERE epoch = pg_postmaster_start_time())
) - 1 AS last
"""
_BASE = "SELECT seal_id, hash, ends FROM audit_base ORDER BY seal_id DESC LIMIT 1"
_SEALS = """
SELECT id, epoch, from_xid, from_seq, to_xid, to_seq, records, created_at, members, hash
FROM audit_seals WHERE id > :after AND id <= :last ORDER BY id LIMIT :limit
"""
_RECORDS = f"""
SELECT {chain.RECORD} AS text FROM audit_logs l
WHERE l.epoch = :epoch AND (l.xid, l.seq) >= (:from_xid, :from_seq) AND (l.xid, l.seq) < (:to_xid, :to_seq)
ORDER BY l.xid, l.seq
"""  # noqa: S608  (a constant of ours)
# Where the seals of each epoch that goes end, and whether others of it stay.
_ENDS = """
SELECT DISTINCT ON (s.epoch) s.epoch, s.to_xid, s.to_seq,
       EXISTS (SELECT FROM audit_seals r WHERE r.id > :last AND r.epoch = s.epoch) AS goes_on
FROM audit_seals s WHERE s.id <= :last ORDER BY s.epoch, s.from_xid DESC, s.from_seq DESC
"""
_STAYS = "SELECT DISTINCT epoch FROM audit_seals WHERE id > :last"
_KEEP = """
INSERT INTO audit_base (seal_id, hash, records, before, ends)
VALUES (:seal_id, :hash, :records, :before, CAST(:ends AS jsonb))
"""
_REMOVE_RECORDS = "DELETE FROM audit_logs WHERE epoch = :epoch AND (xid, seq) < (:to_xid, :to_seq)"
_REMOVE_SEALS = "DELETE FROM audit_seals WHERE id <= :last"


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed, and the seal from which the chain goes on."""

    records: int
    seals: int
    last_seal: int
    last_hash: str


Wrote = Callable[[int], None]
"""Called with how many records are in the file."""


async def purge(
    owner: Database,
    actor: Actor,
    *,
    before: datetime,
    path: Path,
    checked: Progress | None = None,
    wrote: Wrote | None = None,
) -> Purged:
    """Export the seals that were made before `before`, with their records, to the new file `path`, and remove them.

    `owner` is the database as the owner's role sees it. The chain is verified first, and the file read again before
    anything is removed. Raises NotAllowed for anybody but the operator or another role than the owner's, Invalid for a
    time to come or a file that is there, Conflict when the chain does not match, nothing is old enough, or another
    purge was faster.
    """
    if not actor.everything:
        raise NotAllowed(
            "The audit trail is purged by the operator of the machine, not in somebody's name. Nothing was changed.",
            hint="Run it without --as and without an API key.",
        )
    if before > datetime.now(UTC):
        raise Invalid("The time is still to come. Nothing was changed.", hint="Name a day that is over.")
    base, last, file = await _write(owner, actor, before, path, checked, wrote)
    read = archive.check(path)
    if not read.intact or (read.last_seal, read.last_hash) != (last.last_seal, last.last_hash):
        raise Conflict(
            f"{path.name} does not read as it was written. {read.problem} Nothing was removed.",
            hint="The disk may be failing; export to another one.",
        )
    async with owner.transaction() as session:
        await _remove(session, base, before, last)
        note = {"before": before, "records": last.records, "seals": last.seals, "last_seal": last.last_seal,
                "last_hash": last.last_hash, "file": path.name, "file_sha256": file}  # fmt: skip
        await record(session, actor, "audit.purged", KIND, None, note=note)
    return last


# -- the file ----------------------------------------------------------------------------------------------------------


async def _write(
    owner: Database, actor: Actor, before: datetime, path: Path, checked: Progress | None, wrote: Wrote | None
) -> tuple[int, Purged, str]:
    """Verify, and write the file on the same snapshot: the base as it was, what is in the file, and the file's hash."""
    from sqlalchemy import text

    if os.path.lexists(path):  # noqa: ASYNC240
        raise _there(path)
    async with owner.reading() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        if not (await fetch(session, _OWNS))[0].owner:
            raise NotAllowed(
                "Only the owner's role removes records of the audit trail. Nothing was changed.",
                hint="Give its address in DATAPULSE_OWNER_URL.",
            )
        verdict = await verify_in(session, progress=checked)
        if verdict.problem is not None:
            raise Conflict(
                f"The audit trail was changed: {verdict.problem.message} Nothing was removed.",
                hint="What does not match must not disappear: look into it first.",
            )
        found = await fetch(session, _BASE)
        base, digest = (found[0].seal_id, bytes(found[0].hash)) if found else (0, chain.FIRST_HASH)
        last = (await fetch(session, _LAST, {"before": before}))[0].last
        if last is None or last <= base:
            raise Conflict(
                f"No seal is older than {before:%Y-%m-%d %H:%M %Z} whole. Nothing was changed.",
                hint="The last seal always stays; records are sealed by the worker.",
            )
        part = path.with_name(f"{path.name}.part")
        try:
            with open(part, "wb", opener=_private) as file:  # noqa: ASYNC230
                writer = archive.Writer(file)
                writer.heading(seal=base, digest=digest, before=before, by=actor.label)
                done = await _export(session, writer, base, last, wrote)
                file.flush()
                os.fsync(file.fileno())
            _put_in_place(part, path)
        finally:
            part.unlink(missing_ok=True)
        return base, done, writer.digest


async def _export(session: AsyncSession, writer: archive.Writer, base: int, last: int, wrote: Wrote | None) -> Purged:
    records, seals, number, digest = 0, 0, base, b""
    while number < last:
        for row in await fetch(session, _SEALS, {"after": number, "last": last, "limit": SEALS_AT_ONCE}):
            seal = Seal(row.id, row.epoch, row.from_xid, row.from_seq, row.to_xid, row.to_seq, row.records,
                        row.created_at)  # fmt: skip
            for one in await _texts(session, seal):
                writer.record(one)
            number, digest = seal.id, bytes(row.hash)
            writer.seal(seal, bytes(row.members), digest)
            records, seals = records + seal.records, seals + 1
        if wrote is not None:
            wrote(records)
    writer.end(seal=number, digest=digest, records=records)
    return Purged(records, seals, number, digest.hex())


async def _texts(session: AsyncSession, seal: Seal) -> list[bytes]:
    """The records of a seal in their canonical form."""
    params = {"epoch": seal.epoch, "from_xid": seal.from_xid, "from_seq": seal.from_seq, "to_xid": seal.to_xid,
              "to_seq": seal.to_seq}  # fmt: skip
    return [row.text.encode() for row in await fetch(session, _RECORDS, params)]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _put_in_place(part: Path, path: Path) -> None:
    """Give the finished file its name, which nobody else may have taken, and make the name last."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise _there(path) from None
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _there(path: Path) -> Invalid:
    return Invalid(
        f"{path.name} is there already. Nothing was changed.",
        hint="`datapulse audit verify-export` says whether it is an export; name another file.",
    )


# -- the database ------------------------------------------------------------------------------------------------------


async def _remove(session: AsyncSession, base: int, before: datetime, last: Purged) -> None:
    """Keep the new base, and remove what lies behind it; the guards let that through, and nothing else."""
    from sqlalchemy import text

    await session.execute(text("LOCK TABLE audit_base IN EXCLUSIVE MODE"))
    now = await fetch(session, _BASE)
    if (now[0].seal_id if now else 0) != base:
        raise Conflict("Another purge was faster. Nothing was removed.", hint="Look what it removed, and try again.")
    ends = await fetch(session, _ENDS, {"last": last.last_seal})
    goes_on = {microseconds(row.epoch) for row in await fetch(session, _STAYS, {"last": last.last_seal})}
    kept = {epoch: (xid, seq) for epoch, xid, seq in (now[0].ends if now else ()) if epoch in goes_on}
    kept |= {microseconds(row.epoch): (row.to_xid, row.to_seq) for row in ends if row.goes_on}
    params = {"seal_id": last.last_seal, "hash": bytes.fromhex(last.last_hash), "records": last.records,
              "before": before, "ends": json.dumps([[epoch, *end] for epoch, end in kept.items()])}  # fmt: skip
    await session.execute(text(_KEEP), params)
    removed = await _delete_records(session, ends)
    seals = (await session.execute(text(_REMOVE_SEALS), {"last": last.last_seal})).rowcount  # type: ignore[attr-defined]
    if (removed, seals) != (last.records, last.seals):
        raise Conflict(
            f"{removed:,} records and {seals:,} seals would have gone, and {last.records:,} and {last.seals:,} are in "
            "the file. Nothing was removed.",
            hint="Verify the trail.",
        )


async def _delete_records(session: AsyncSession, ends: Sequence[Any]) -> int:
    from sqlalchemy import text

    removed = 0
    for row in ends:
        params = {"epoch": row.epoch, "to_xid": row.to_xid, "to_seq": row.to_seq}
        result = await session.execute(text(_REMOVE_RECORDS), params)
        removed += result.rowcount  # type: ignore[attr-defined]
    return removed
