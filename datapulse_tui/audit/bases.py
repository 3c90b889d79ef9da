"""What the database says was purged: for comparing an exported file with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.audit.archive import FileVerdict
    from datapulse_tui.data.database import Database

_BASES = "SELECT seal_id, hash, records, purged_at FROM audit_base WHERE seal_id IN (:first, :last)"


async def known_purge(data: Database, file: FileVerdict) -> tuple[bool, str]:
    """Whether the database says that it removed what is in `file`, which is intact, and that in words."""
    async with data.reading() as session:
        rows = await fetch(session, _BASES, {"first": file.base_seal, "last": file.last_seal})
    bases = {row.seal_id: row for row in rows}
    last, first = bases.get(file.last_seal), bases.get(file.base_seal)
    if last is None:
        return False, "The database does not know of this purge: the file is of another one, or nothing was removed."
    same = bytes(last.hash).hex() == file.last_hash and last.records == file.records
    if not same or (first is not None and bytes(first.hash).hex() != file.base_hash):
        return False, "The database says that other records were removed: the file was made anew, or the database was."
    return True, f"The database says that just these records were removed, {last.purged_at:%Y-%m-%d %H:%M %Z}."
