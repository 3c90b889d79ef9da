"""The trail, jobs and health."""

from __future__ import annotations

from datapulse_tui.audit import completion, export, reads, verdicts, verify
from datapulse_tui.errors import DataPulseError
from datapulse_tui.jobs import reads as jobs
from datapulse_tui.jobs import service
from datapulse_tui.operations.health import reading
from tests.permissions.table import ADMINS, MANAGERS, Decision, may
from tests.permissions.world import Cell


async def newest(cell: Cell) -> int:
    """The number of the newest record."""
    [row] = await cell.rows("SELECT max(seq) AS seq FROM audit_logs")
    return int(row.seq)


async def record(cell: Cell) -> object:
    return await reads.get_record(cell.session, cell.actor, await newest(cell))


async def verified(cell: Cell) -> object:
    async with cell.apart() as data:
        return await verify.verify(data, cell.actor)


async def verified_and_recorded(cell: Cell) -> object:
    async with cell.apart() as data:
        return await verdicts.verify_and_record(data, cell.actor)


async def exported(cell: Cell) -> object:
    async with cell.apart() as data:
        return await export.export(data, cell.actor, lambda _: None)


async def healthy(cell: Cell) -> object:
    async with cell.apart() as data:
        return await reading.health(data, cell.actor)


DECISIONS: dict[str, Decision] = {
    "audit.reads.list_records": may(lambda c: reads.list_records(c.session, c.actor), any=ADMINS),
    "audit.reads.get_record": may(record, any=ADMINS),
    "audit.completion.complete": may(lambda c: completion.complete(c.session, c.actor, "action:", 7), any=ADMINS),
    "audit.verify.verify": may(verified, any=ADMINS),
    "audit.verdicts.verify_and_record": may(verified_and_recorded, any=ADMINS),
    "audit.reads.count": may(lambda c: reads.count(c.session, c.actor, ""), any=ADMINS),
    "audit.export.export": may(exported, any=ADMINS),
    "operations.health.reading.health": may(healthy, any=MANAGERS),
    "jobs.reads.workers": may(lambda c: jobs.workers(c.session, c.actor), any=MANAGERS),
    "jobs.reads.queues": may(lambda c: jobs.queues(c.session, c.actor), any=MANAGERS),
    "jobs.reads.failed_jobs": may(lambda c: jobs.failed_jobs(c.session, c.actor), any=MANAGERS),
    "jobs.reads.failed_by_id": may(lambda c: jobs.failed_by_id(c.session, c.actor, [1]), any=MANAGERS),
    # There is no such job: whoever may have jobs run again is told so of this one.
    "jobs.service.retry": may(lambda c: service.retry(c.session, c.actor, [(1, 1)]), DataPulseError, any=ADMINS),
}
NOT_VERBS: dict[str, str] = {
    "audit.service.record": "writes the record of a change that was allowed",
    "audit.service.record_many": "writes the records of changes that were allowed",
    **dict.fromkeys(
        (
            "operations.health.database.database",
            "operations.health.places.pools",
            "operations.health.places.sources",
            "operations.health.places.versions",
            "operations.health.work.deliveries",
            "operations.health.work.evaluation",
            "operations.health.work.failed_jobs",
            "operations.health.work.queues",
            "operations.health.work.workers",
        ),
        "a part of `operations.health.reading.health`, which has asked for the right",
    ),
    **dict.fromkeys(
        ("operations.backups.note_backup", "operations.backups.settle"),
        "what follows a backup or a restore, which takes the owner's role",
    ),
    "audit.purge.purge": "takes a connection of the owner's role, which no desk has",
}
