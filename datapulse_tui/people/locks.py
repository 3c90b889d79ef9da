"""Whose sign-in is delayed by failures now, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from datapulse_tui.people import rules

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

# The latest of each address: as many as `rules.sign_in_delay` can tell apart.
_FAILURES = """
SELECT wanted.email, recent.created_at, clock_timestamp() AS now
FROM unnest(CAST(:emails AS text[])) AS wanted(email)
CROSS JOIN LATERAL (
    SELECT created_at FROM sign_in_attempts tried
    WHERE tried.email = wanted.email AND created_at > clock_timestamp() - CAST(:kept AS interval)
    ORDER BY created_at DESC LIMIT 1000) recent
ORDER BY wanted.email, recent.created_at
"""


async def delayed(session: Reader, emails: Sequence[str]) -> dict[str, datetime]:
    """For those of `emails` (as they are stored) that have to wait: until when.

    Asks for no right: for services and reads that have decided who may see the accounts.
    """
    from datapulse_tui.data.glance import fetch

    failures: dict[str, list[datetime]] = {}
    now = None
    if emails:
        values = {"emails": sorted(set(emails)), "kept": rules.FAILURES_REMEMBERED}
        for row in await fetch(session, _FAILURES, values):
            failures.setdefault(row.email, []).append(row.created_at)
            now = row.now
    if now is None:
        return {}
    waits = {email: rules.sign_in_delay(times, now) for email, times in failures.items()}
    return {email: now + wait for email, wait in waits.items() if wait > rules.NO_DELAY}
