"""The queue with 100,000 pending requests: pages with their plans, counts, decisions, and how soon others see them.

A page is compared with its own SQL on a bare connection, which fetches the same rows and makes nothing of them;
approving with a transaction of the statements without which there is no approval (the vote, the request, its event).
Times in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.glance import _for_driver
from datapulse_tui.workflows.filter_sql import where
from datapulse_tui.workflows.filters import parse
from datapulse_tui.workflows.reads.counts import badge, default_counts
from datapulse_tui.workflows.reads.detail import get_request
from datapulse_tui.workflows.reads.queue import list_requests, page_sql, waiting
from datapulse_tui.workflows.reads.standing import standing
from datapulse_tui.workflows.rules import PROVISIONAL, Scope
from datapulse_tui.workflows.service import decisions
from tests.benchmarks.approvals_data import ApprovalsWorkspace, approvals_workspace
from tests.benchmarks.figures import median, p95

ROOT = Path(__file__).resolve().parents[2]
PAGE = 200
FILTERS = (
    "", "late:yes", "priority:critical,high", "assigned:me", "assigned:none", "requester:person", "type:free_form",
    "since:2h", "until:2d", "number:4711", "screen", "nothing-like-it", "-late:yes -priority:low desk",
)  # fmt: skip
TARGET_RATIO, TARGET_OVER_MS, TARGET_APPROVE, TARGET_FIFTY_MS, TARGET_SHOWN_MS = 1.5, 60, 8, 150, 500
WATCHED = 60  # decisions that another desk is to see

_BARE_VOTE = (
    "INSERT INTO workflow_votes (workflow_id, actor_id, principal_id, vote, comment, version) "
    "VALUES (%(id)s, %(me)s, %(me)s, 'approve', '', 1)"
)
_BARE_UPDATE = "UPDATE workflows SET final_at = now() + %(wait)s, timer_at = now() + %(wait)s WHERE id = %(id)s"
_BARE_EVENT = "INSERT INTO workflow_events (workflow_id, kind, actor_id) VALUES (%(id)s, 'voted', %(me)s)"
_WAITING = """
SELECT id FROM workflows WHERE status = 'pending' AND final_at IS NULL AND quorum = 1
    AND audience = ARRAY['permission:workflow:decide'] ORDER BY id LIMIT 8000
"""


def measure(rounds: int) -> dict[str, object]:
    """Every figure of the queue."""
    with approvals_workspace() as workspace:
        return asyncio.run(_measure(workspace, max(rounds, 5)))


async def _measure(workspace: ApprovalsWorkspace, rounds: int) -> dict[str, object]:
    data = Database(workspace.url)
    ada, olga, bea = (workspace.people[nick] for nick in ("ada", "olga", "bea"))
    try:
        with psycopg.connect(workspace.dsn, autocommit=True) as bare:
            pages: dict[str, object] = {}
            for name, actor, scope in (
                ("for an ops manager", olga, Scope.FOR_ME),
                ("all, for an administrator", ada, Scope.ALL),
                ("decided by an ops manager", olga, Scope.DECIDED),
                ("of a business user", bea, Scope.MINE),
            ):
                pages[name] = await _page(data, actor, scope, "", bare, rounds)
            found: list[UUID] = [row[0] for row in bare.execute(_WAITING).fetchall()]
            return {
                "pages": pages,
                "filters": {
                    line or "(none)": await _page(data, olga, Scope.FOR_ME, line, bare, rounds) for line in FILTERS
                },
                "page_down": await _page_down(data, olga),
                "other_reads": await _reads(data, olga, found[-1], rounds),
                "decisions": await _decisions(data, olga, bare, found, rounds),
                "shown_elsewhere": await _shown(data, workspace, found),
            }
    finally:
        await data.dispose()


async def _page(
    data: Database, actor: Actor, scope: Scope, line: str, bare: psycopg.Connection[Any], rounds: int
) -> dict[str, object]:
    """The first page of a list, and its own statement on a bare connection, in turn."""
    wanted = parse(line, datetime.now(UTC), ZoneInfo(actor.zone))
    async with data.reading() as session:
        condition = await where(session, actor, await standing(session, actor), scope, wanted)
    sql = _for_driver(page_sql(condition, scope, wanted, None)).encode()
    params = {**condition.params, "limit": PAGE + 1}
    bare.execute("SET plan_cache_mode = force_custom_plan")
    ours: list[float] = []
    theirs: list[float] = []
    rows = 0
    for _ in range(rounds + 2):
        started = time.perf_counter()
        bare.execute(sql, params).fetchall()
        between = time.perf_counter()
        async with data.reading() as session:
            rows = len((await list_requests(session, actor, scope=scope, filter=line, limit=PAGE)).items)
        theirs.append((between - started) * 1_000)
        ours.append((time.perf_counter() - between) * 1_000)
    over = median(ours[2:]) - TARGET_RATIO * median(theirs[2:])
    return {
        "rows": rows, "ours_ms": median(ours[2:], 1), "ours_p95_ms": p95(ours[2:], 1), "bare_ms": median(theirs[2:], 1),
        "over_1.5_times_bare_ms": round(over, 1), "target_ms": TARGET_OVER_MS, "reached": over <= TARGET_OVER_MS,
    }  # fmt: skip


async def _page_down(data: Database, actor: Actor) -> dict[str, object]:
    """Forty pages, one after the other."""
    took: list[float] = []
    after: str | None = None
    for _ in range(40):
        started = time.perf_counter()
        async with data.reading() as session:
            page = await list_requests(session, actor, after=after, limit=PAGE)
        took.append((time.perf_counter() - started) * 1_000)
        after = page.next
    return {"p95_ms": p95(took, 1), "median_ms": median(took, 1)}


async def _reads(data: Database, actor: Actor, some: UUID, rounds: int) -> dict[str, object]:
    reads: dict[str, Callable[[Any], Awaitable[Any]]] = {
        "badge": lambda session: badge(session, actor),
        "counts of the default views": lambda session: default_counts(session, actor),
        "what waits, for Today": lambda session: waiting(session, actor),
        "one request": lambda session: get_request(session, actor, some),
    }
    found: dict[str, object] = {}
    for name, read in reads.items():
        took = []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            async with data.reading() as session:
                await read(session)
            took.append((time.perf_counter() - started) * 1_000)
        found[name] = {"p95_ms": p95(took[1:], 1), "median_ms": median(took[1:], 1)}
    return found


# -- deciding ----------------------------------------------------------------------------------------------------------


async def _approve(data: Database, actor: Actor, some: list[UUID], comment: str = "") -> float:
    started = time.perf_counter()
    async with data.transaction() as session:
        outcomes = await decisions.approve(session, actor, [(each, 1) for each in some], comment)
    took = (time.perf_counter() - started) * 1_000
    refused = [each.message for each in outcomes if not each.done]
    if refused:
        raise AssertionError(refused[0])
    return took


async def _decisions(
    data: Database, actor: Actor, bare: psycopg.Connection[Any], found: list[UUID], rounds: int
) -> dict[str, object]:
    ours, theirs = [], []
    for _ in range(rounds * 20 + 10):
        values = {"id": found.pop(), "me": actor.user_id, "wait": PROVISIONAL}
        started = time.perf_counter()
        with bare.transaction():
            for statement in (_BARE_VOTE, _BARE_UPDATE, _BARE_EVENT):
                bare.execute(statement.encode(), values)
        theirs.append((time.perf_counter() - started) * 1_000)
        ours.append(await _approve(data, actor, [found.pop()]))
    ours, theirs = ours[10:], theirs[10:]
    ratio = p95(ours) / p95(theirs)
    fifty = []
    for _ in range(9):
        some = [found.pop() for _ in range(50)]
        fifty.append(await _approve(data, actor, some))
    return {
        "approve one": {
            "ours_p95_ms": p95(ours, 2), "bare_p95_ms": p95(theirs, 2), "ours_median_ms": median(ours, 2),
            "bare_median_ms": median(theirs, 2), "ratio": round(ratio, 2), "target": TARGET_APPROVE,
            "reached": ratio <= TARGET_APPROVE,
        },
        "approve 50": {
            "longest_ms": round(max(fifty), 1), "median_ms": median(fifty, 1), "target_ms": TARGET_FIFTY_MS,
            "reached": max(fifty) <= TARGET_FIFTY_MS,
        },
    }  # fmt: skip


# -- seen by others ----------------------------------------------------------------------------------------------------


async def _shown(data: Database, workspace: ApprovalsWorkspace, found: list[UUID]) -> dict[str, object]:
    """From the commit of a decision until another desk has heard of it, and until it has its page again."""
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.approvals_desk", workspace.url, "otto@example.org",
        stdin=PIPE, stdout=PIPE, cwd=ROOT,
    )  # fmt: skip
    heard, read = [], []
    try:
        await _line(other)  # whatever was before: it listens from here on
        for _ in range(WATCHED):
            await asyncio.sleep(random.uniform(0, 0.4))  # at any moment of the feed's own pace
            one = found.pop()
            await _approve(data, workspace.people["olga"], [one])
            committed = time.time()
            line = await _line(other)
            while str(one) not in line["ids"]:
                line = await _line(other)
            heard.append((line["heard"] - committed) * 1_000)
            read.append((line["read"] - committed) * 1_000)
    finally:
        if other.returncode is None:
            other.kill()
        await other.wait()
    figure = p95(heard, 1)
    return {
        "heard_p95_ms": figure, "heard_median_ms": median(heard, 1), "page_read_p95_ms": p95(read, 1),
        "page_read_median_ms": median(read, 1), "target_ms": TARGET_SHOWN_MS, "reached": p95(read) <= TARGET_SHOWN_MS,
    }  # fmt: skip


async def _line(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
