"""Evaluation: 10,000 rules over 1,000 queries, 100,000 series in one query, and how soon a breach is an incident.

One worker's evaluator, held to one core, its memory kept as a worker keeps it; the server has the other cores. The
yardstick is the same work bare, in the same run: the queries one after the other on one psycopg connection, and the
rows that were written once more, by INSERT ... SELECT into tables with the same indexes. The latency is measured with a
real worker process and its own pace.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from datapulse_tui.alerts.evaluation.evaluator import Evaluator
from datapulse_tui.config import Settings
from datapulse_tui.data.database import Database
from datapulse_tui.data.embedded import EmbeddedServer
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.jobs import memory
from datapulse_tui.sources.pool import Sources
from tests.benchmarks.bench_workspace import bench_server
from tests.benchmarks.figures import median, p95, ratio
from tests.databases import dsn
from tests.faults.support import World, make_world
from tests.faults.workers import workers

QUERIES = 1_000
RULES = 10_000
SERIES = 100_000
MOST_ROUNDS = 5
FLIPS = 60
INTERVAL = 5
# What a cycle writes when everything fires, and what it writes when nothing does.
FIRED = ("alert_incidents", "incident_events", "alert_notifications", "deliveries", "audit_logs", "alert_series")
QUIET = ("metric_samples", "alert_evaluations")
_RULES = f"""
INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true);
INSERT INTO shop.metrics SELECT 'm' || n, '', 1 FROM generate_series(1, {QUERIES}) n;
INSERT INTO queries (user_id, name, sql, data_source_id)
SELECT u.id, 'q' || n, format('SELECT value FROM shop.metrics WHERE name = %L', 'm' || n), s.id
FROM users u, data_sources s, generate_series(1, {QUERIES}) n;
INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, channels, status, severity)
SELECT user_id, id, 'value', name || ' above ' || n, 'above', 10 + n, '[{{"type": "email", "to": ["owner"]}}]',
       'active', 'critical'
FROM queries, generate_series(1, {RULES // QUERIES}) n;
INSERT INTO alert_evaluations (alert_id, next_at) SELECT id, now() FROM alerts;
ANALYZE;
"""
_BIG = f"""
SELECT 'host ' || n AS host, 'region ' || n % 7 AS region, (n % 100)::float8 AS value
FROM generate_series(1, {SERIES}) n
"""


@dataclass
class Stand:
    """What a round works with, and the times that it found, in seconds."""

    world: World
    evaluator: Evaluator
    times: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)

    async def cycle(self, name: str, *rules: UUID) -> None:
        """Evaluate rules (none: all) that are due at once, back to back."""
        await asyncio.to_thread(self.world.due, *rules)
        wall, processor = time.perf_counter(), time.process_time()
        await self.evaluator.evaluate(self.world.source)
        await self.evaluator.idle()
        self.times.setdefault(name, []).append(time.perf_counter() - wall)
        self.processor.setdefault(name, []).append(time.process_time() - processor)

    def note(self, name: str, seconds: float) -> None:
        """A time of the yardstick."""
        self.times.setdefault(name, []).append(seconds)

    def figure(self, ours: str, theirs: str, target: float) -> dict[str, object]:
        """Seconds of ours, what of it was this process's own work, and the ratio to the same bare."""
        found = self.times[ours]
        return {
            "s": median(found, 3),
            "of_it_on_the_processor": median(self.processor[ours], 3),
            "bare_s": median(self.times[theirs], 3),
            "ratio": ratio(found, self.times[theirs]),
            "target_s": target,
            "reached": median(found, 3) <= target,
        }


def measure(rounds: int) -> dict[str, object]:
    """The cycles and the latency."""
    with bench_server() as (settings, server):
        world = make_world(server.owner_url)
        figures = asyncio.run(_cycles(settings, server, world, max(2, min(rounds, MOST_ROUNDS))))
        figures["latency"] = _latency(settings, server, world)
    return figures


async def _cycles(settings: Settings, server: EmbeddedServer, world: World, rounds: int) -> dict[str, object]:
    _execute(world, _RULES)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})  # the server runs already, and keeps all of them
    memory.settle()
    data = Database(server.app_url, pool_size=6, pre_ping=True)
    sources = Sources(SecretBox.from_settings(settings))
    stand = Stand(world, Evaluator(data, sources))
    try:
        await stand.cycle("first")
        for _ in range(rounds):
            await stand.cycle("quiet")
            stand.note("bare quiet", _bare_queries(server, world) + _bare_rows(world, QUIET))
        for number in range(rounds):
            _execute(world, "UPDATE shop.metrics SET value = 100")
            await stand.cycle("all fire")
            _expect(world, "SELECT count(*) FROM alert_incidents WHERE status = 'triggered'", RULES)
            bare = _bare_queries(server, world) + _bare_rows(world, QUIET) + _bare_rows(world, FIRED)
            stand.note("bare fire", bare)
            _execute(world, "UPDATE shop.metrics SET value = 1")
            await stand.cycle("all recover")
            _expect(world, "SELECT count(*) FROM alert_incidents WHERE status = 'resolved'", RULES)
            if number < rounds - 1:
                _execute(world, "DELETE FROM alert_incidents; DELETE FROM deliveries")
        await _big(stand, rounds)
    finally:
        await stand.evaluator.close()
        await sources.close()
        await data.dispose()
        os.sched_setaffinity(0, cores)
    return {
        "rules": RULES,
        "queries": QUERIES,
        "first_cycle_s": median(stand.times["first"], 3),
        "nothing_changes": stand.figure("quiet", "bare quiet", 2.0),
        "all_fire": stand.figure("all fire", "bare fire", 6.0),
        "all_recover_s": median(stand.times["all recover"], 3),
        "series": SERIES,
        "one_query_new_series": stand.figure("new series", "bare series", 10.0),
        "one_query_again": stand.figure("same series", "bare series", 10.0),
    }


async def _big(stand: Stand, rounds: int) -> None:
    """One query with 100,000 series: all of them new, and again."""
    world = stand.world
    _execute(world, "DELETE FROM alert_evaluations")
    for number in range(2):
        query = world.query(f"big {number}", _BIG)
        rule = world.rule(query, labels=["host", "region"], threshold=1_000)
        await stand.cycle("new series", rule)
        _expect(world, f"SELECT count(*) FROM alert_series WHERE alert_id = '{rule}'", SERIES)
    for _ in range(rounds):
        await stand.cycle("same series", rule)
        started = time.perf_counter()
        with psycopg.connect(dsn(world.url)) as connection:
            connection.execute(_BIG.encode()).fetchall()
        took = time.perf_counter() - started
        newest = "at = (SELECT max(at) FROM metric_samples)"
        stand.note("bare series", took + _bare_rows(world, ("metric_samples",), newest))


def _bare_queries(server: EmbeddedServer, world: World) -> float:
    statements = [row.sql.encode() for row in world.execute("SELECT sql FROM queries WHERE name LIKE 'q%'")]
    with psycopg.connect(dsn(server.app_url), autocommit=True) as connection:
        started = time.perf_counter()
        for statement in statements:
            connection.execute(statement).fetchall()
        return time.perf_counter() - started


def _bare_rows(world: World, tables: tuple[str, ...], only: str = "true") -> float:
    """The newest of the rows that a cycle left, once more into tables with the same indexes, in one transaction."""
    with psycopg.connect(dsn(world.url), autocommit=True) as connection:
        for table in tables:
            connection.execute(f"DROP TABLE IF EXISTS bare_{table}".encode())
            connection.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING INDEXES)".encode())
        started = time.perf_counter()
        with connection.transaction():
            for table in tables:
                source = f"SELECT * FROM {table} WHERE {only}"
                order = {"metric_samples": " ORDER BY at DESC", "audit_logs": " ORDER BY seq DESC"}.get(table, "")
                limit = "" if only != "true" else f" LIMIT {QUERIES if table == 'metric_samples' else RULES}"
                connection.execute(f"INSERT INTO bare_{table} {source}{order}{limit}".encode())
        return time.perf_counter() - started


def _latency(settings: Settings, server: EmbeddedServer, world: World) -> dict[str, object]:
    """From the moment at which a metric moves to the incident's commit, with a worker process on its own."""
    _execute(world, "DELETE FROM alert_evaluations")
    for number in range(FLIPS):
        world.rule(world.query(f"flip {number}"), interval=INTERVAL)
        world.metric(f"flip {number}", 1)
    waits: list[float] = []
    with workers(server.app_url, settings.home) as crew:
        crew.start()
        while world.one("SELECT count(*) FROM alert_evaluations WHERE last_at IS NULL"):
            time.sleep(0.1)
        for number in range(FLIPS):
            world.execute("UPDATE shop.metrics SET value = 100 WHERE name = %s", [f"flip {number}"])
            world.execute("UPDATE queries SET updated_at = clock_timestamp() WHERE name = %s", [f"flip {number}"])
            time.sleep(random.uniform(0, 0.2))
        time.sleep(INTERVAL + 2)
        crew.stop()
    rows: list[Any] = world.execute(
        "SELECT extract(epoch FROM i.created_at - q.updated_at)::float8 AS waited, "
        "extract(epoch FROM i.created_at - i.opened_at)::float8 AS late "
        "FROM queries q JOIN alerts a ON a.metric_id = q.id JOIN alert_incidents i ON i.alert_id = a.id "
        "WHERE q.name LIKE 'flip %'"
    )
    waits = [row.waited for row in rows]
    if len(waits) != FLIPS:
        raise AssertionError(f"{len(waits)} incidents for {FLIPS} breaches")
    found = p95(waits, 3)
    return {
        "interval_s": INTERVAL,
        "breach_to_incident_p95_s": found,
        "breach_to_incident_median_s": median(waits, 3),
        "after_its_slot_p95_s": p95([row.late for row in rows], 3),
        "target_s": INTERVAL + 1.5,
        "reached": found <= INTERVAL + 1.5,
    }


def _execute(world: World, statements: str) -> None:
    with psycopg.connect(dsn(world.url), autocommit=True) as connection:
        connection.execute(statements.encode())


def _expect(world: World, count: str, number: int) -> None:
    found = world.one(count)
    if found != number:
        raise AssertionError(f"{count}: {found} instead of {number}")
