"""A verification as people ask for it: recorded, and told in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.audit.service import record
from datapulse_tui.audit.verify import Noted, Progress, Verdict, verify

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database

KIND = "audit"


async def verify_and_record(
    data: Database, actor: Actor, *, noted: Noted | None = None, progress: Progress | None = None
) -> Verdict:
    """`verify`, and a record of who did it and what was found. One that is cancelled is not recorded."""
    verdict = await verify(data, actor, noted=noted, progress=progress)
    problem = verdict.problem
    note = {
        "intact": verdict.intact, "records": verdict.records, "seals": verdict.seals, "last_seal": verdict.last_seal,
        "last_hash": verdict.last_hash, **({"problem": problem.message} if problem else {}),
    }  # fmt: skip
    async with data.transaction() as session:
        await record(session, actor, "audit.verified", KIND, None, note=note)
    return verdict


def describe(verdict: Verdict) -> list[str]:
    """The verdict in words, a line each."""
    lines: list[str] = []
    if verdict.problem is not None:
        lines += [
            f"The audit trail was changed. {verdict.problem.message}",
            f"Before it, {verdict.records:,} records in {verdict.seals:,} seals match.",
        ]
    else:
        lines.append(f"The audit trail is intact: {verdict.records:,} records in {verdict.seals:,} seals match.")
    if verdict.unsealed:
        lines.append(f"{verdict.unsealed:,} records are not sealed yet; nothing can be said of them.")
    else:
        lines.append("Every record is sealed.")
    if verdict.purged_before is not None:
        lines.append(
            f"{verdict.purged:,} records from before {verdict.purged_before:%Y-%m-%d %H:%M %Z} were exported and "
            "removed; the chain goes on from there."
        )
    if verdict.intact and verdict.seals:
        lines.append(f"Last seal: {verdict.last_seal}:{verdict.last_hash}")
    return lines


def progress_words(done: int, total: int) -> str:
    """How far a verification is."""
    return f"Verified {done:,} of {total:,} sealed records ({100 * done // total if total else 100} %)"
