"""Verifying a million records, against the least that anybody has to do who wants to hash them: fetch the canonical
text of every record in the order of the chain through one cursor, and feed it to one SHA-256.

Once with seals of 2,000 records (a busy trail), once with seals of 3 (a quiet one: a seal a second). Times in seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import time

import psycopg

from datapulse_tui.audit import chain
from datapulse_tui.audit.verify import verify
from datapulse_tui.data.database import Database
from tests.benchmarks.audit_data import AuditWorkspace, audit_workspace, seal, unseal
from tests.benchmarks.figures import against

RECORDS = 1_000_000
SEALS = {"seals of 2,000 records": 2_000, "seals of 3 records": 3}
TARGET = 1.5
CURSOR = 10_000  # rows that the reference fetches at once


def measure(rounds: int) -> dict[str, object]:
    """Ours and the reference, in turn."""
    with audit_workspace(RECORDS) as workspace:
        return figures(workspace, max(3, rounds // 2))


def figures(workspace: AuditWorkspace, rounds: int) -> dict[str, object]:
    """The figures for a trail that is there and has no seal."""
    found: dict[str, object] = {"records": RECORDS}
    for name, size in SEALS.items():
        with psycopg.connect(workspace.owner_dsn, autocommit=True) as owner:
            seals = seal(owner, size)
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(_reference(workspace))
            ours.append(asyncio.run(_ours(workspace, seals)))
        found[name] = against(ours, theirs, TARGET, 2)
        with psycopg.connect(workspace.owner_dsn, autocommit=True) as owner:
            unseal(owner)
    return found


async def _ours(workspace: AuditWorkspace, seals: int) -> float:
    data = Database(workspace.url)
    await data.warm_up()
    try:
        started = time.perf_counter()
        verdict = await verify(data, workspace.admin)
        took = time.perf_counter() - started
    finally:
        await data.dispose()
    if not verdict.intact or verdict.records != RECORDS or verdict.seals != seals:
        raise AssertionError(verdict)
    return took


def _reference(workspace: AuditWorkspace) -> float:
    digest = hashlib.sha256()
    started = time.perf_counter()
    with psycopg.connect(workspace.dsn) as connection, connection.cursor(name="reference") as cursor:
        cursor.itersize = CURSOR
        cursor.execute(f"SELECT {chain.RECORD} FROM audit_logs l ORDER BY l.epoch, l.xid, l.seq".encode())
        for (text,) in cursor:
            digest.update(text.encode())
    return time.perf_counter() - started
