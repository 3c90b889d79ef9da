"""One DuckDB in memory for the files of one source, shut in: it can open these files and nothing else.

Everything here blocks and belongs on a thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from datapulse_tui.data.result import Column, Result
from datapulse_tui.errors import Invalid
from datapulse_tui.sources.adapters import duck_errors, duck_values
from datapulse_tui.sources.adapters.csv_files import CsvFile, shown
from datapulse_tui.sources.schemas import CsvConfig

_CHUNK = 2_000  # rows
_EMPTY = "(empty)"
_SNIFFED = (
    "Delimiter", "Quote", "Escape", "Comment", "SkipRows", "HasHeader", "DateFormat", "TimestampFormat", "Columns",
)  # fmt: skip


def literal(value: object) -> str:
    """A Python value as a DuckDB literal: views and table functions bind no parameters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return "'" + str(value).replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class _View:
    stamp: tuple[int, int, int, int]
    columns: tuple[Column, ...]


class Engine:
    """The files as views. Types are found out once for each file and again when the file has changed.

    `allowed_paths` names the very files (narrower than `allowed_directories`: what else lies in the folder cannot be
    opened, and nothing can be written there), external access is off, and the configuration is locked before the first
    query comes. A view reads its file while it is queried, so a file of any size is streamed, never loaded.
    """

    def __init__(self, config: CsvConfig, files: Sequence[CsvFile], spill_folder: str) -> None:
        self._config = config
        self._files = {file.table.lower(): file for file in files}
        self._views: dict[str, _View] = {}
        self._lock = threading.Lock()
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{config.memory_limit_mb}MB",
                "threads": min(config.threads, os.cpu_count() or 1),
                "temp_directory": spill_folder,
                "autoload_known_extensions": False,
                "autoinstall_known_extensions": False,
                "allow_community_extensions": False,
                "allow_persistent_secrets": False,
                # a table that does not exist would otherwise be looked up among the Python variables of the caller
                "python_enable_replacements": False,
            },
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"SET allowed_paths = {literal([str(file.path) for file in files])}")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    @property
    def paths(self) -> frozenset[str]:
        """The files that can be opened."""
        return frozenset(str(file.path) for file in self._files.values())

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same data, for one query at a time."""
        return self._connection.cursor()

    def refresh(self, files: Sequence[CsvFile]) -> None:
        """Take note of changed contents; the files must be those of `paths`."""
        self._files = {file.table.lower(): file for file in files}

    def columns(self, table: str) -> tuple[Column, ...]:
        """The columns of a table, found out now if they are not known. Raises Invalid naming file and line."""
        with self._lock:
            return self._prepare(self._files[table.lower()])

    def prepare_for(self, sql: str) -> None:
        """Make the views of all tables that the text may speak of."""
        text = sql.lower()
        with self._lock:
            for key, file in self._files.items():
                if key.replace('"', '""') in text:
                    self._prepare(file)

    def _prepare(self, file: CsvFile) -> tuple[Column, ...]:
        known = self._views.get(file.table.lower())
        if known is not None and known.stamp == file.stamp:
            return known.columns
        try:
            settled, columns = self._sniff(file)
            typed = ", ".join(f"{literal(name)}: {literal(native)}" for name, native in columns)
            read = f"read_csv({literal(file.path)}, auto_detect = false, columns = {{{typed}}}{_arguments(settled)})"
            view = f"CREATE OR REPLACE VIEW {quoted(file.table)} AS SELECT * FROM {read}"  # noqa: S608  (see literal)
            self._connection.execute(view)
        except duckdb.Error as error:
            raise self.explain(error) from None
        made = tuple(duck_values.column(name, native) for name, native in columns)
        self._views[file.table.lower()] = _View(file.stamp, made)
        return made

    def _sniff(self, file: CsvFile) -> tuple[dict[str, object], list[tuple[str, str]]]:
        """How the file is to be read (what is configured, and DuckDB's guess of the rest), and its columns."""
        given = self._options()
        sniff = f"FROM sniff_csv({literal(file.path)}{_arguments(given)}) SELECT {', '.join(_SNIFFED)}"
        found = self._connection.execute(sniff).fetchone()
        if found is None:
            raise Invalid(f"The file {shown(file.path.name)} cannot be read.", hint="Check that it is a CSV file.")
        delimiter, quote, escape, comment, skip, header, date_format, timestamp_format, columns = found
        settled: dict[str, object] = {
            "delim": delimiter,
            # no quote in the sample does not mean none in the file
            "quote": '"' if quote == _EMPTY else quote,
            "escape": '"' if escape == _EMPTY else escape,
            "comment": "" if comment == _EMPTY else comment,
            "skip": int(skip),
            "header": bool(header),
        }
        settled |= {"dateformat": date_format} if date_format else {}
        settled |= {"timestampformat": timestamp_format} if timestamp_format else {}
        return settled | given, [(item["name"], item["type"]) for item in columns]

    def _options(self) -> dict[str, object]:
        config = self._config
        given = {
            "delim": config.delimiter, "quote": config.quote, "header": config.header, "encoding": config.encoding,
            "decimal_separator": config.decimal_separator, "dateformat": config.date_format,
            "timestampformat": config.timestamp_format, "nullstr": config.null_values or None,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value is not None}

    def describe(self, cursor: duckdb.DuckDBPyConnection, sql: str, values: Sequence[object]) -> list[tuple[str, str]]:
        """Name and type of each column of a query, without running it.

        Raises Invalid for what DuckDB's own parser does not take for one SELECT: the second look after the guard's.
        """
        statements = cursor.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise Invalid("Only one SELECT can be run on files. The query was not run.", hint="Write one SELECT.")
        described = cursor.execute(f"DESCRIBE {sql}", list(values)).fetchall()
        return [(str(row[0]), str(row[1])) for row in described]

    def fetch(self, cursor: duckdb.DuckDBPyConnection, sql: str, values: Sequence[object], limit: int) -> Result:
        """At most `limit` rows of a query, asking for one more to know whether there are more; `took` is not set."""
        described = self.describe(cursor, sql, values)
        names = [f"c{index}" for index in range(len(described))]
        wanted = ", ".join(
            duck_values.projection(native, name) for (_, native), name in zip(described, names, strict=True)
        )
        wrapped = f"SELECT {wanted} FROM (\n{sql}\n) AS q ({', '.join(names)}) LIMIT {limit + 1}"  # noqa: S608
        cursor.execute(wrapped, list(values))
        zoned = [index for index, (_, native) in enumerate(described) if duck_values.zoned(native)]
        rows: list[tuple[object, ...]] = []
        while len(rows) <= limit:
            chunk = cursor.fetchmany(_CHUNK)
            if not chunk:
                break
            rows += [_mark(row, zoned) for row in chunk] if zoned else chunk
        columns = tuple(duck_values.column(name, native) for name, native in described)
        return Result(columns, tuple(rows[:limit]), truncated=len(rows) > limit)

    def explain(self, error: duckdb.Error) -> Exception:
        """`error` in words."""
        names = {str(file.path): shown(file.path.name) for file in self._files.values()}
        return duck_errors.failed(error, names, self._config.memory_limit_mb)


def _arguments(options: dict[str, object]) -> str:
    return "".join(f", {name} = {literal(value)}" for name, value in options.items())


def _mark(row: tuple[object, ...], zoned: list[int]) -> tuple[object, ...]:
    values = list(row)
    for index in zoned:
        values[index] = duck_values.mark_zone(values[index])
    return tuple(values)
