"""A workspace for the benchmarks: a real embedded server, one person, a million rows, and a folder of CSV files."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg
from sqlalchemy import make_url, text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.config import Settings
from datapulse_tui.data import migrate
from datapulse_tui.data.addresses import embedded_server
from datapulse_tui.data.connect import Connection, connect
from datapulse_tui.data.embedded import EmbeddedServer, erase
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role

OPERATOR = Actor(None, "operator:benchmark@here", everything=True)
EMAIL = "ana@example.org"
START = datetime(2026, 1, 1, tzinfo=UTC)
POINTS = 1_000_000  # one a second
END = START + timedelta(seconds=POINTS)
TIME_RANGE = f"{{from: '{START.isoformat()}', to: '{END.isoformat()}'}}"
FILES = ("points.csv", "hourly.csv")
_TABLES = f"""
SELECT setseed(0.5);
CREATE TABLE points AS
SELECT timestamptz '{START.isoformat()}' + n * interval '1 s' AS taken,
       'sensor ' || n % 8 AS sensor,
       20 + 5 * sin(n / 40000.0) + random() + CASE WHEN n % 99991 = 0 THEN 30 ELSE 0 END AS value
FROM generate_series(0, {POINTS - 1}) AS n;
CREATE TABLE hourly AS
SELECT date_trunc('hour', taken) AS taken, sensor, count(*) AS readings, avg(value) AS value FROM points GROUP BY 1, 2;
ALTER TABLE points SET (autovacuum_enabled = off);
"""


@dataclass(frozen=True)
class BenchWorkspace:
    """Where it is. `dsn` is the source's own address as libpq takes it; `files` the folder of the csv source."""

    settings: Settings
    files: Path
    dsn: str

    @property
    def environment(self) -> dict[str, str]:
        """With what a desk opens this workspace."""
        return {
            "DATAPULSE_HOME": str(self.settings.home),
            "DATAPULSE_CONFIG": str(self.settings.home / "config.toml"),
            "DATAPULSE_ALLOWED_CSV_FOLDERS": str(self.files),
        }

    async def actor(self, connection: Connection) -> Actor:
        """The person, as signed in."""
        async with connection.data.reading() as session:
            found = (await session.execute(text("SELECT id FROM users WHERE email = :e"), {"e": EMAIL})).scalar_one()
        return Actor(found, "Ana", ROLE_PERMISSIONS[Role.ANALYST], role="analyst", email=EMAIL)


@contextlib.contextmanager
def bench_server() -> Iterator[tuple[Settings, EmbeddedServer]]:
    """An embedded server of its own with a migrated database in which there is nobody, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dp-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        server = embedded_server(home)
        try:
            migrate.upgrade(server.owner_url)
            yield Settings(home=home), server
        finally:
            server.release()
            erase(home)


@contextlib.contextmanager
def bench_workspace(dashboards: str) -> Iterator[BenchWorkspace]:
    """A workspace with the sources `warehouse` (tables points, hourly) and `files` (the same), and these dashboards."""
    with tempfile.TemporaryDirectory(prefix="dp-bench-") as folder:
        home, files = Path(folder) / "home", Path(folder) / "files"
        home.mkdir()
        files.mkdir()
        settings = Settings(home=home, allowed_csv_folders=(files,))
        server = embedded_server(home)
        dsn = make_url(server.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            asyncio.run(_fill(settings, dsn, files, dashboards))
            yield BenchWorkspace(settings, files, dsn)
        finally:
            server.release()
            erase(home)


async def _fill(settings: Settings, dsn: str, files: Path, dashboards: str) -> None:
    from datapulse_tui.dashboards.applying import apply_all
    from datapulse_tui.dashboards.as_code import load
    from datapulse_tui.sources.service import add_source

    connection = await connect(settings)
    url = make_url(dsn)
    address = {"host": str(url.query["host"]), "dbname": url.database or "", "user": url.username or ""}
    person = text(
        "INSERT INTO users (email, name, password, role, status) "
        "VALUES (:e, 'Ana', '!', 'analyst', 'active') RETURNING id"
    )
    box = SecretBox.from_settings(settings)
    try:
        await asyncio.to_thread(_data, dsn, files)
        async with connection.data.transaction() as session:
            ana = (await session.execute(person, {"e": EMAIL})).scalar_one()
            await add_source(session, OPERATOR, box, name="warehouse", type="postgresql", config=address)
            await add_source(
                session, OPERATOR, box, name="files", type="csv", config={"path": str(files)}, csv_folders=[files]
            )
        async with connection.data.transaction() as session:
            await apply_all(session, OPERATOR, load(dashboards.encode(), "bench.yaml"), owner_id=ana)
    finally:
        await connection.data.dispose()


def _data(dsn: str, files: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_TABLES.encode())
        connection.execute("VACUUM ANALYZE points, hourly")
        for file in FILES:
            rows_of = f"SELECT taken AT TIME ZONE 'UTC' AS taken, sensor, value FROM {Path(file).stem} ORDER BY taken"
            statement = f"COPY ({rows_of}) TO STDOUT (FORMAT csv, HEADER)"
            with (files / file).open("wb") as out, connection.cursor().copy(statement.encode()) as rows:
                for chunk in rows:
                    out.write(chunk)


def bare_duckdb(threads: int, memory_mb: int) -> duckdb.DuckDBPyConnection:
    """DuckDB alone, with the settings that matter for its speed as the csv adapter has them."""
    connection = duckdb.connect(":memory:", config={"threads": threads, "memory_limit": f"{memory_mb}MB"})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def typed_csv(path: Path, columns: dict[str, str]) -> str:
    """The file as a table function whose types are given: the adapter finds them out once, so looking for them in
    every query would be a handicap for the yardstick."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    return f"read_csv('{path}', auto_detect = false, header = true, columns = {{{types}}})"
