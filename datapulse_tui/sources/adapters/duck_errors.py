"""What went wrong in DuckDB, in words: what happened, where, what to do."""

from __future__ import annotations

import re

import duckdb

from datapulse_tui.errors import DataPulseError, Invalid, Unavailable

_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")
_POSSIBLE = re.compile(r"^(Possible|\* |Original Line|CSV Error|file =|Candidate)", re.IGNORECASE)
_WHERE = re.compile(r"^LINE (\d+):", re.MULTILINE)


def _said(text: str) -> str:
    """DuckDB's own words without its kind of error, its advice and its picture of the line."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return re.sub(r"^[A-Za-z ]*Error: ", "", first)[:300]


def _csv_reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()[1:]]
    reasons = [line for line in lines if line and not _POSSIBLE.match(line)]
    return reasons[0].rstrip(".")[:300] if reasons else "it is not well formed"


def csv_failed(error: duckdb.Error, names: dict[str, str]) -> DataPulseError | None:
    """The message for a file that is not what it seemed (None for other errors); `names` are the files' by path."""
    text = str(error)
    line = _CSV_LINE.search(text)
    if line is None:
        return None
    path = re.search(r"^\s*file = (.*)$", text, re.MULTILINE)
    name = names.get(path[1], "of the source") if path else "of the source"
    return Invalid(
        f"The file {name} cannot be read at line {line[1]}: {_csv_reason(text)}. No rows came back.",
        hint="Mend the line, or say how to read the file (delimiter, header, null_values, encoding) with "
        "datapulse source update.",
    )


def failed(error: duckdb.Error, names: dict[str, str], memory_mb: int) -> DataPulseError:
    """The message for a query that DuckDB ended with `error`."""
    text = str(error)
    csv = csv_failed(error, names)
    if csv is not None:
        return csv
    if isinstance(error, duckdb.OutOfMemoryException):
        return Invalid(
            f"The query needs more than the {memory_mb} MB of memory that this source may use. No rows came back.",
            hint="Aggregate more, or ask an administrator to raise memory_limit_mb of the source.",
        )
    if isinstance(error, duckdb.PermissionException):
        return Invalid(
            "The query asks for something outside the source's files, which is refused. No rows came back.",
            hint="Query the source's tables only.",
        )
    if isinstance(error, duckdb.IOException):
        return Unavailable(
            "A file of the source cannot be read: it is gone, or was changed while it was read. No rows came back.",
            hint="Run the query again; `datapulse source check NAME` lists the files.",
        )
    where = _WHERE.search(text)
    place = f" (at line {where[1]})" if where else ""
    candidates = re.search(r"^(Candidate bindings|Did you mean).*$", text, re.MULTILINE)
    return Invalid(
        f"The source refused the query{place}: {_said(text)}. No rows came back.",
        hint=candidates[0][:300] if candidates else "Mend the SQL and run it again.",
    )
