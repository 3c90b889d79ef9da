"""What belongs to a backup and a restore beside the file itself: the record in the trail, its seals, and whether the
stored secrets can be opened here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.audit.verify import Progress, Verdict
    from datapulse_tui.data.backup.dump import Made
    from datapulse_tui.data.backup.restore import Restored
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.secrets import SecretBox

KIND = "database"


@dataclass(frozen=True, slots=True)
class Settled:
    """A restored database: what the trail's verification says, and of how many rows with secrets how many cannot be
    opened with the keys that are here."""

    trail: Verdict
    secrets: int
    unreadable: int


async def note_backup(data: Database, actor: Actor, made: Made) -> None:
    """Record that a backup was made. Where the file went stays out of the trail: only its name is kept."""
    from datapulse_tui.audit.service import record

    note = {"file": made.path.name, "bytes": made.bytes, "schema": made.revision}
    async with data.transaction() as session:
        await record(session, actor, "database.backed_up", KIND, None, note=note)


async def settle(
    data: Database, actor: Actor, box: SecretBox, restored: Restored, *, progress: Progress | None = None
) -> Settled:
    """Record the restore in the restored trail, seal what the backup brought unsealed, verify all of it, and try the
    secrets. The schema has to be this program's. Raises NotAllowed without `audit:verify`."""
    from datapulse_tui.audit.service import record
    from datapulse_tui.audit.verify import verify
    from datapulse_tui.data.resealing import standing

    archive = restored.archive
    note = {
        "file": archive.path.name,
        "made": archive.made_at,
        "schema": archive.revision,
        "in_place_of_another": restored.replaced,
    }
    async with data.transaction() as session:
        await record(session, actor, "database.restored", KIND, None, note=note)
    await seal_all(data)
    trail = await verify(data, actor, progress=progress)
    async with data.reading() as session:
        stores = await standing(session, box)
    return Settled(trail, sum(each.rows for each in stores), sum(each.unreadable for each in stores))


async def seal_all(data: Database) -> None:
    """Seal what there is now, however much; a sealer that is at work already does it in our place."""
    from datapulse_tui.audit.sealer import seal_once

    more = True
    while more:
        async with data.transaction() as session:
            more = (await seal_once(session)).more
