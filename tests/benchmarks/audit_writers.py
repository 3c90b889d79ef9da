"""What the trail costs those who write: eight processes that change something, with audit and with `record` doing
nothing, in turn. The sealer runs all the time. The share is (changes a second without) / (with) - 1. On a machine that
others use as well that wavers a lot; `processor_share` compares the processor time of writers and server for a change,
which does not (but knows nothing of the disk).

`profile` is a verb of the service layer as a desk calls it (look up, lock, change, record, tell the others, commit);
`minimal` one UPDATE, the record and the commit. The trail holds a million records, so that its indexes are those of a
trail in use.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from datapulse_tui.audit.sealer import run_sealer
from datapulse_tui.data.database import Database
from tests.benchmarks.audit_data import AuditWorkspace, audit_workspace
from tests.benchmarks.figures import median

ROOT = Path(__file__).resolve().parents[2]
WRITERS, RECORDS, SECONDS = 8, 1_000_000, 2.0
TARGET = 0.15


def measure(rounds: int) -> dict[str, object]:
    """The share of each kind of change."""
    with audit_workspace(RECORDS) as workspace:
        return asyncio.run(figures(workspace, max(5, rounds)))


async def figures(workspace: AuditWorkspace, rounds: int) -> dict[str, object]:
    """The figures for a trail that is there."""
    stop, data = asyncio.Event(), Database(workspace.url)
    sealing = asyncio.create_task(run_sealer(data, stop))
    try:
        found: dict[str, object] = {"writers": WRITERS, "cores": os.cpu_count()}
        for what in ("profile", "minimal"):
            found[what] = await asyncio.to_thread(_shares, workspace, what, rounds)
        return found
    finally:
        stop.set()
        await sealing
        await data.dispose()


def _shares(workspace: AuditWorkspace, what: str, rounds: int) -> dict[str, object]:
    with psycopg.connect(workspace.owner_dsn) as owner:
        people = owner.execute("SELECT id FROM users WHERE email LIKE 'p%%' ORDER BY email LIMIT %s", [WRITERS])
        ids = [str(row[0]) for row in people.fetchall()]
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.audit_writer", workspace.url, each, what],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for each in ids
    ]  # fmt: skip
    try:
        for mode in ("audit", "plain"):  # warm up
            _round(writers, mode, 1.0)
        rates: dict[str, list[float]] = {"audit": [], "plain": []}
        costs: dict[str, list[float]] = {"audit": [], "plain": []}
        for number in range(rounds):
            for mode in ("audit", "plain") if number % 2 else ("plain", "audit"):
                rate, cost = _round(writers, mode, SECONDS)
                rates[mode].append(rate)
                costs[mode].append(cost)
    finally:
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.close()
            writer.wait(30)
    shares = [without / audit - 1 for audit, without in zip(rates["audit"], rates["plain"], strict=True)]
    share = median(shares, 3)
    return {
        "changes_per_second": median(rates["audit"], 0), "without_audit": median(rates["plain"], 0),
        "share": share, "shares": [round(each, 3) for each in sorted(shares)], "target": TARGET,
        "reached": share <= TARGET,
        "processor_us": median(costs["audit"], 0), "processor_us_without_audit": median(costs["plain"], 0),
        "processor_share": round(median(costs["audit"]) / median(costs["plain"]) - 1, 3),
    }  # fmt: skip


def _round(writers: list[subprocess.Popen[str]], mode: str, seconds: float) -> tuple[float, float]:
    """Changes a second of all writers together, and microseconds of processor time for each."""
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(f"{mode} {seconds}\n")
        writer.stdin.flush()
    done, worked = 0, 0.0
    for writer in writers:
        assert writer.stdout is not None
        changes, here, there = writer.stdout.readline().split()
        done, worked = done + int(changes), worked + float(here) + float(there)
    return done / seconds, 1e6 * worked / max(1, done)
