"""The list of a hundred thousand people: opening it, paging, every filter with its plan, counts, one person, a file.

A page is compared with its own SQL on a bare connection, which fetches the same rows and makes nothing of them. Times
in milliseconds; those of files in seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg

from datapulse_tui.data.database import Database
from datapulse_tui.data.glance import _for_driver
from datapulse_tui.people.completion import complete
from datapulse_tui.people.detail import get_person
from datapulse_tui.people.exporting import export
from datapulse_tui.people.filter_sql import where
from datapulse_tui.people.filters import parse
from datapulse_tui.people.importing import dry_run, import_people
from datapulse_tui.people.listing import ORDERS, Order, count, list_people, page_sql
from tests.benchmarks.figures import median, p95
from tests.benchmarks.people_data import OPERATOR, PeopleWorkspace, people_workspace

PAGE = 200
FILTERS = (
    "", "ana", "müller", "ÉLODIE", "berger 7777", "person77777@", "nothing-like-it", "-ana", "role:admin",
    "-role:business_user", "status:inactive", "status:locked", "status:invited", "dept:department",
    'dept:"Department 3"',
    "dept:none", "custom:role", 'custom:"Role 7"', "custom:none", "seen:30d", "unseen:90d", "seen:never",
    "role:admin status:active unseen:90d", 'dept:"Department 3" custom:role müller', "status:locked nothing-like-it",
)  # fmt: skip
TARGET_FILTER_MS, TARGET_OVER_MS, TARGET_RATIO = 100, 60, 1.5
IMPORTED = 10_000
TARGET_IMPORT_S = 10


def measure(rounds: int) -> dict[str, object]:
    """Every figure of the list of people, with the plans of its filters."""
    with people_workspace() as workspace:
        return asyncio.run(_measure(workspace, max(rounds, 5)))


async def _measure(workspace: PeopleWorkspace, rounds: int) -> dict[str, object]:
    data = Database(workspace.url)
    try:
        with psycopg.connect(workspace.dsn, autocommit=True) as bare:
            bare.execute("SET plan_cache_mode = force_custom_plan")
            bare.execute("SET random_page_cost = 1.1")
            return {
                "open": {order: await _open(data, bare, order, rounds) for order in ORDERS},
                "page_down": {order: await _page_down(data, order, rounds) for order in ORDERS},
                "filters": await _filters(data, bare, rounds),
                "other_reads": await _reads(data, rounds),
                "files": await _files(data),
            }
    finally:
        await data.dispose()


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await work()
    return (time.perf_counter() - started) * 1_000


async def _statement(data: Database, line: str, order: Order) -> tuple[str, dict[str, Any]]:
    """The statement of a page as the driver takes it, with its values."""
    async with data.reading() as session:
        condition = await where(session, parse(line), datetime.now(UTC))
    return _for_driver(page_sql(condition, order, None)), {**condition.params, "limit": PAGE + 1}


async def _page(data: Database, line: str, order: Order, after: str | None = None) -> Any:
    async with data.reading() as session:
        return await list_people(session, OPERATOR, filter=line, order=order, after=after, limit=PAGE)


async def _open(data: Database, bare: psycopg.Connection[Any], order: Order, rounds: int) -> dict[str, object]:
    sql, params = await _statement(data, "", order)
    took, theirs = [], []
    for _ in range(rounds + 2):
        started = time.perf_counter()
        bare.execute(sql.encode(), params).fetchall()
        theirs.append((time.perf_counter() - started) * 1_000)
        took.append(await _timed(lambda: _page(data, "", order)))
    over = median(took[2:]) - TARGET_RATIO * median(theirs[2:])
    return {
        "ours_ms": median(took[2:], 1), "bare_ms": median(theirs[2:], 1), "over_1.5_times_bare_ms": round(over, 1),
        "target_ms": TARGET_OVER_MS, "reached": over <= TARGET_OVER_MS,
    }  # fmt: skip


async def _page_down(data: Database, order: Order, rounds: int) -> dict[str, object]:
    """Twenty pages, one behind the other."""
    took: list[float] = []
    for _ in range(max(1, rounds // 3)):
        after: str | None = None
        for _ in range(20):
            started = time.perf_counter()
            after = (await _page(data, "", order, after)).next
            took.append((time.perf_counter() - started) * 1_000)
    return {"p95_ms": p95(took, 1), "median_ms": median(took, 1)}


async def _filters(data: Database, bare: psycopg.Connection[Any], rounds: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for line in FILTERS:
        sql, params = await _statement(data, line, "name")
        took: list[float] = []
        theirs: list[float] = []
        rows = 0
        for _ in range(rounds + 1):
            started = time.perf_counter()
            rows = len((await _page(data, line, "name")).items)
            between = time.perf_counter()
            bare.execute(sql.encode(), params).fetchall()
            took.append((between - started) * 1_000)
            theirs.append((time.perf_counter() - between) * 1_000)
        plan = bare.execute(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {sql}".encode(), params
        )
        figure = p95(took[1:], 1)
        found[line or "(none)"] = {
            "rows": rows, "p95_ms": figure, "median_ms": median(took[1:], 1), "bare_p95_ms": p95(theirs[1:], 1),
            "bare_median_ms": median(theirs[1:], 1), "target_ms": TARGET_FILTER_MS,
            "reached": figure <= TARGET_FILTER_MS, "plan": _scans([row[0] for row in plan.fetchall()]),
        }  # fmt: skip
    return found


def _scans(plan: list[str]) -> list[str]:
    """The lines of a plan that say how the page is found among the people."""
    kept: list[str] = []
    for line in plan:
        if "CTE Scan" in line:
            break
        if "Scan" in line or "Index Cond" in line or "Filter" in line or "Rows Removed" in line:
            kept.append(line.strip().removeprefix("->  ")[:160])
    return kept


async def _reads(data: Database, rounds: int) -> dict[str, object]:
    some = (await _page(data, "", "name")).items[0].id

    async def with_session(read: Callable[[Any], Awaitable[Any]]) -> None:
        async with data.reading() as session:
            await read(session)

    reads: dict[str, Callable[[Any], Awaitable[Any]]] = {
        "count of everybody": lambda session: count(session, OPERATOR, ""),
        "count of a filter that finds nobody": lambda session: count(session, OPERATOR, "nothing-like-it"),
        "completion of a department": lambda session: complete(session, OPERATOR, "dept:dep", 8),
        "one person": lambda session: get_person(session, OPERATOR, some),
    }
    found: dict[str, object] = {}
    for name, read in reads.items():
        took = [await _timed(lambda read=read: with_session(read)) for _ in range(rounds + 1)]  # type: ignore[misc]
        found[name] = {"p95_ms": p95(took[1:], 1)}
    return found


async def _files(data: Database) -> dict[str, object]:
    """Ten thousand new people from a file, the same again (which changes nothing), and everybody to a file."""
    line = "new{0}@example.net,New {0},analyst,Department 3,Role 7,,UTC\n"
    content = "email,name,role,department,custom_roles,phone,timezone\n" + "".join(map(line.format, range(IMPORTED)))
    figures: dict[str, object] = {}

    async def look() -> None:
        async with data.reading() as session:
            plan = await dry_run(session, OPERATOR, content.encode())
        assert not plan.problems

    async def put_in() -> None:
        async with data.transaction() as session:
            await import_people(session, OPERATOR, content.encode())

    async def write() -> None:
        assert await export(data, OPERATOR, lambda _: None) > IMPORTED

    works = {"dry run": look, "import": put_in, "import again": put_in}
    for name, work in works.items():
        took = round(await _timed(work) / 1_000, 2)
        figures[name] = {"seconds": took, "target_seconds": TARGET_IMPORT_S, "reached": took <= TARGET_IMPORT_S}
    return figures | {"export of everybody": {"seconds": round(await _timed(write) / 1_000, 2)}}
