"""Sources that are CSV files, read in place by DuckDB on threads of the source's own."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from datapulse_tui.data.result import Column, Result
from datapulse_tui.errors import DataPulseError, Unavailable
from datapulse_tui.sources.adapters.base import Running, SourceCheck, SourceSchema, SourceTable, timed_out
from datapulse_tui.sources.adapters.csv_files import Listing, list_files
from datapulse_tui.sources.schemas import CsvConfig

if TYPE_CHECKING:
    import duckdb

    from datapulse_tui.sources.adapters.duck_engine import Engine

T = TypeVar("T")

_INTERRUPT_EVERY = 0.02  # seconds; an interrupt that comes between two steps of a query is lost, so it is repeated


class _Job:
    """One piece of work on a thread, and the DuckDB cursor by which it can be interrupted."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.cursor: duckdb.DuckDBPyConnection | None = None

    def interrupt(self) -> None:
        self.stopped.set()
        if self.cursor is not None:
            self.cursor.interrupt()


def _tables(listing: Listing, engine: Engine, job: _Job) -> tuple[tuple[SourceTable, ...], tuple[str, ...]]:
    """The tables that can be read, and what is wrong with the others; raises when none can be read."""
    tables: list[SourceTable] = []
    problems: list[DataPulseError] = []
    for file in listing.files:
        if job.stopped.is_set():
            break
        try:
            tables.append(SourceTable("", file.table, engine.columns(file.table)))
        except DataPulseError as error:
            problems.append(error)
    if problems and not tables:
        raise problems[0]
    return tuple(tables), tuple(error.message for error in problems)


class CsvAdapter:
    """One csv source. Opens nothing until it is asked; looks at the files' dates before each query."""

    dialect: Literal["duckdb"] = "duckdb"

    def __init__(self, config: CsvConfig, allowed_folders: Sequence[Path]) -> None:
        self._config = config
        self._allowed = tuple(allowed_folders)
        self._running = Running()
        self._threads = ThreadPoolExecutor(config.max_connections, thread_name_prefix="datapulse-csv")
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._spill: tempfile.TemporaryDirectory[str] | None = None

    def __repr__(self) -> str:
        return f"CsvAdapter({self._config.path!r})"

    async def check(self) -> SourceCheck:
        """Find out the columns of every file; the warnings name what is left out."""
        started = time.perf_counter()

        def look(job: _Job) -> tuple[str, tuple[str, ...]]:
            import duckdb

            listing, engine = self._open()
            _, problems = _tables(listing, engine, job)
            empty = [f"The file of the table {file.table} is empty." for file in listing.files if file.size == 0]
            nothing = [] if listing.files else ["There is no .csv file in the folder."]
            return f"DuckDB {duckdb.__version__}", (*listing.left_out, *empty, *problems, *nothing)

        version, warnings = await self._work("", self._config.statement_timeout, look)
        return SourceCheck(version, time.perf_counter() - started, warnings)

    async def schema(self) -> SourceSchema:
        """Each file as a table. Rows are not counted: that would mean reading it all."""

        def look(job: _Job) -> SourceSchema:
            tables, _ = _tables(*self._open(), job)
            return SourceSchema(tables)

        return await self._work("", self._config.statement_timeout, look)

    async def describe(self, sql: str, params: Mapping[str, object]) -> tuple[Column, ...]:
        """The columns of `sql`; the file is not read beyond its sample."""
        from datapulse_tui.sources.adapters import duck_values

        def look(job: _Job) -> tuple[Column, ...]:
            engine, text, values = self._prepared(sql, params)
            job.cursor = engine.cursor()
            return tuple(duck_values.column(*found) for found in engine.describe(job.cursor, text, values))

        return await self._work("", self._config.statement_timeout, look)

    async def run(self, sql: str, params: Mapping[str, object], *, limit: int, timeout: float, tag: str = "") -> Result:
        """At most `limit` rows; see `Adapter.run`."""

        def work(job: _Job) -> Result:
            engine, text, values = self._prepared(sql, params)
            started = time.perf_counter()
            job.cursor = engine.cursor()
            found = engine.fetch(job.cursor, text, values, limit)
            return Result(found.columns, found.rows, time.perf_counter() - started, found.truncated)

        return await self._work(tag, min(timeout, self._config.statement_timeout), work)

    async def cancel(self, tag: str) -> None:
        """Interrupt the queries under `tag`."""
        await self._running.cancel(tag)

    async def close(self) -> None:
        """Interrupt what runs, end the threads, forget the files."""
        await self._running.cancel_all()
        self._threads.shutdown(wait=False)
        self._engine = None
        if self._spill is not None:
            self._spill.cleanup()

    def _open(self) -> tuple[Listing, Engine]:
        """The files as they are now, and an engine that may open exactly these."""
        from datapulse_tui.sources.adapters.duck_engine import Engine

        listing = list_files(self._config.path, self._allowed)
        with self._lock:
            if self._spill is None:
                self._spill = tempfile.TemporaryDirectory(prefix="datapulse-spill-", ignore_cleanup_errors=True)
            paths = frozenset(str(file.path) for file in listing.files)
            if self._engine is None or self._engine.paths != paths:
                self._engine = Engine(self._config, listing.files, self._spill.name)
            else:
                self._engine.refresh(listing.files)
            return listing, self._engine

    def _prepared(self, sql: str, params: Mapping[str, object]) -> tuple[Engine, str, list[object]]:
        """Pass the guard, and make the views that the query needs."""
        from datapulse_tui.sources import guard
        from datapulse_tui.sources.adapters import duck_values

        listing, engine = self._open()
        policy = guard.Policy(
            "duckdb", frozenset(self._config.allowed_functions), frozenset(file.table for file in listing.files)
        )
        checked = guard.check(sql, policy)
        values = [duck_values.bindable(value) for value in checked.bind(params)]
        engine.prepare_for(checked.sql)
        return engine, checked.sql, values

    async def _work(self, tag: str, timeout: float, work: Callable[[_Job], T]) -> T:
        return await self._running.run(tag, self._on_thread(timeout, work))

    async def _on_thread(self, timeout: float, work: Callable[[_Job], T]) -> T:
        """Run `work` on a thread; when time is up or the task is cancelled, interrupt it and wait for its end."""
        job = _Job()
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._guarded, work, job)
        try:
            done, _ = await asyncio.wait({future}, timeout=timeout)
        except asyncio.CancelledError:
            await self._stop(job, future)
            raise
        if not done:
            await self._stop(job, future)
            raise timed_out(timeout)
        return future.result()

    @staticmethod
    async def _stop(job: _Job, future: asyncio.Future[T]) -> None:
        while not future.done():
            job.interrupt()
            await asyncio.wait({future}, timeout=_INTERRUPT_EVERY)
        future.exception()  # what an interrupted query raises is of no interest

    def _guarded(self, work: Callable[[_Job], T], job: _Job) -> T:
        import duckdb

        try:
            return work(job)
        except duckdb.Error as error:
            engine = self._engine
            if engine is None:
                raise Unavailable("The source was closed.", hint="Run the query again.") from None
            raise engine.explain(error) from None
        finally:
            if job.cursor is not None:
                job.cursor.close()
