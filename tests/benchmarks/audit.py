"""The browser of the trail over five million records: opening it, every filter, and paging down.

A page is compared with its own SQL on a bare connection, which fetches the same rows and makes nothing of them. Filters
are of what is common, rare, long ago and never, alone and together; those that no index answers look at a part of the
trail for each page, and `pages_to_the_end` says how many pages and seconds the whole of it takes. In milliseconds.

Each filter is asked `ASKED` times: of fifteen, the 95th percentile is the worst one, which tells of the machine only.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg

from datapulse_tui import house
from datapulse_tui.audit.reads import COLUMNS, list_records
from datapulse_tui.data.database import Database
from tests.benchmarks.audit_data import AuditWorkspace, audit_workspace
from tests.benchmarks.figures import median, p95

RECORDS, PAGE = 5_000_000, 200
ASKED = 41
TARGET_FILTER_MS, TARGET_RATIO, TARGET_OVER_MS, LONGEST = 100, 1.5, 60, 20.0
FILTERS = (
    "", "who:busy", "who:rare", "who:gone", "who:never", "who:nobody-at-all", "who:p1", "who:p", "who:p17@",
    "who:system", "-who:system", "action:user.", "action:role.deleted", "action:user.locked",
    "action:dashboard.updated", "-action:incident.", "on:role", "on:dashboard", "on:incident", "about:rare",
    "about:p17@", "from:10.0.3.7", "from:10.0.*", "from:1.2.3.4", "since:7d", "until:900d", "since:800d until:799d",
    "who:busy action:incident.opened", "who:busy action:user.locked", "who:gone since:30d",
    "who:gone action:dashboard.shared", "who:rare action:dashboard.", "who:system action:user.",
    "who:p action:role.deleted", "from:10.0.3.7 action:role.deleted", "from:10.0.3.7 who:rare",
    "who:busy from:10.0.3.7", "who:busy from:1.2.3.4", "action:dashboard. from:1.2.3.4", "on:dashboard -who:busy",
    "who:busy on:dashboard", "#4711", "who:gone -action:dashboard. from:10.0.3.7 since:1000d", "orders",
    "nothing-like-it", "who:busy nothing-like-it", "who:gone nothing-like-it", "on:role nothing-like-it",
    "action:user.locked nothing-like-it", "since:2h nothing-like-it",
)  # fmt: skip
TO_THE_END = ("who:rare", "who:busy nothing-like-it", "action:user.locked nothing-like-it", "nothing-like-it")
_BARE = (
    f"SELECT {COLUMNS} FROM audit_logs l LEFT JOIN users u ON u.id = l.user_id "
    "ORDER BY l.created_at DESC, l.seq DESC LIMIT %s"
)


def measure(rounds: int) -> dict[str, object]:
    """Every figure of the browser."""
    with audit_workspace(RECORDS) as workspace:
        return asyncio.run(figures(workspace, max(rounds, 7)))


async def figures(workspace: AuditWorkspace, rounds: int) -> dict[str, object]:
    """The figures for a trail that is there."""
    house.join()
    data = Database(workspace.url)
    try:
        with psycopg.connect(workspace.dsn, autocommit=True) as bare:
            return {
                "open": await _open(data, workspace, bare, rounds),
                "filters": {line or "(none)": await _filter(data, workspace, line) for line in FILTERS},
                "page_down": await _page_down(data, workspace),
                "pages_to_the_end": {line: await _to_the_end(data, workspace, line) for line in TO_THE_END},
            }
    finally:
        await data.dispose()


async def _page(data: Database, workspace: AuditWorkspace, line: str, after: str | None = None) -> tuple[float, Any]:
    started = time.perf_counter()
    async with data.reading() as session:
        page = await list_records(session, workspace.admin, filter=line, after=after, limit=PAGE)
    return (time.perf_counter() - started) * 1_000, page


async def _open(
    data: Database, workspace: AuditWorkspace, bare: psycopg.Connection[Any], rounds: int
) -> dict[str, object]:
    ours, theirs = [], []
    for _ in range(2 * rounds + 2):
        started = time.perf_counter()
        bare.execute(_BARE.encode(), [PAGE + 1]).fetchall()
        theirs.append((time.perf_counter() - started) * 1_000)
        ours.append((await _page(data, workspace, ""))[0])
    over = median(ours[2:]) - TARGET_RATIO * median(theirs[2:])
    return {
        "ours_ms": median(ours[2:], 1), "bare_ms": median(theirs[2:], 1), "over_1.5_times_bare_ms": round(over, 1),
        "target_ms": TARGET_OVER_MS, "reached": over <= TARGET_OVER_MS,
    }  # fmt: skip


async def _filter(data: Database, workspace: AuditWorkspace, line: str) -> dict[str, object]:
    took = []
    for _ in range(ASKED + 1):
        each, page = await _page(data, workspace, line)
        took.append(each)
    figure = p95(took[1:], 1)
    return {
        "rows": len(page.items), "whole": page.searched_to is None, "first_ms": round(took[0], 1),
        "median_ms": median(took[1:], 1), "p95_ms": figure, "target_ms": TARGET_FILTER_MS,
        "reached": figure <= TARGET_FILTER_MS,
    }  # fmt: skip


async def _page_down(data: Database, workspace: AuditWorkspace) -> dict[str, object]:
    """Forty pages, one after the other."""
    found: dict[str, object] = {}
    for line in ("", "who:busy", "action:dashboard.", "-who:system"):
        took: list[float] = []
        after: str | None = None
        for _ in range(40):
            each, page = await _page(data, workspace, line, after)
            took.append(each)
            after = page.next
        found[line or "(none)"] = {"p95_ms": p95(took, 1), "median_ms": median(took, 1)}
    return found


async def _to_the_end(data: Database, workspace: AuditWorkspace, line: str) -> dict[str, object]:
    """All pages, for at most LONGEST seconds."""
    took: list[float] = []
    after: str | None = None
    rows = 0
    while sum(took) < LONGEST * 1_000:
        each, page = await _page(data, workspace, line, after)
        took.append(each)
        rows, after = rows + len(page.items), page.next
        if after is None:
            break
    return {
        "pages": len(took), "rows": rows, "seconds": round(sum(took) / 1_000, 2), "p95_ms": p95(took, 1),
        "reached_the_end": after is None,
    }  # fmt: skip
