"""What went wrong at a PostgreSQL source, in words: what happened, what it means, what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from datapulse_tui.errors import DataPulseError, Invalid, Unavailable
from datapulse_tui.sources.adapters.base import SourceAway, timed_out

if TYPE_CHECKING:
    from datapulse_tui.sources.guard import Checked

_READ_NOTHING = "Nothing was read."


@dataclass(frozen=True, slots=True)
class _Reason:
    pattern: re.Pattern[str]
    what: str
    hint: str


def _reason(pattern: str, what: str, hint: str) -> _Reason:
    return _Reason(re.compile(pattern, re.IGNORECASE), what, hint)


# What libpq and the server say while connecting; there is no SQLSTATE at that point.
_REASONS = (
    _reason(r"password authentication failed|no password supplied", "refused the password of user {user}",
            "Enter it again: datapulse source update NAME --password-stdin"),
    _reason(r'role ".*" does not exist', "has no role {user}", "Check the user of the source."),
    _reason(r'database ".*" does not exist', "has no database {dbname}", "Check the dbname of the source."),
    _reason(r"no pg_hba\.conf entry|pg_hba\.conf rejects", "does not let user {user} in from this machine",
            "Ask its administrator for an entry in pg_hba.conf."),
    _reason(r"connection refused", "is not listening", "Check host and port, and that the server runs."),
    _reason(r"resolve host|name or service not known|could not translate host",
            "cannot be found: the name is not known", "Check the host of the source."),
    _reason(r"timeout|timed out", "did not answer within 5 s", "Check host, port and firewalls."),
    _reason(r"no route to host|network is unreachable", "cannot be reached from here", "Check host and network."),
    _reason(r"too many (clients|connections)|remaining connection slots", "has no connection to spare",
            "Try again, or lower max_connections of its sources."),
    _reason(r"starting up|shutting down|in recovery mode", "is starting or stopping", "Try again in a moment."),
    _reason(r"ssl|certificate", "cannot agree on an encrypted connection", "Check sslmode and sslrootcert."),
    _reason(r"definition of service", "is not defined: the service is unknown",
            "Check pg_service.conf of the user who runs DataPulse."),
    _reason(r"no such file or directory", "is not there: no server listens on that socket",
            "Check the socket folder, and that the server runs."),
    _reason(r"closed the connection unexpectedly|connection reset", "closed the connection at once",
            "Check that a PostgreSQL listens on that port."),
)  # fmt: skip


def cannot_connect(error: BaseException, *, address: str, user: str, dbname: str) -> SourceAway:
    """The message for a source that could not be connected to. `address` holds no password."""
    text = "timed out" if isinstance(error, TimeoutError) else str(error)
    for reason in _REASONS:
        if reason.pattern.search(text):
            what = reason.what.format(user=user, dbname=dbname)
            return SourceAway(f"The source at {address} {what}. {_READ_NOTHING}", hint=reason.hint)
    first = next(iter(text.strip().splitlines()), type(error).__name__)
    return SourceAway(
        f"The source at {address} cannot be connected to: {first[:200]}. {_READ_NOTHING}", hint="Check its settings."
    )


def lost(address: str) -> Unavailable:
    """The message for a connection that ended while it was used."""
    return Unavailable(
        f"The source at {address} went away while the query ran. No rows came back.",
        hint="Check that its server runs, and run the query again.",
    )


def query_failed(
    error: psycopg.Error, checked: Checked, *, prefix: int, address: str, timeout: float
) -> DataPulseError:
    """The message for a query that the server ended with `error`; `prefix` is how much stood before the checked SQL."""
    state = error.sqlstate or ""
    said = (error.diag.message_primary or str(error)).strip()
    if state == "57014":
        return timed_out(timeout)
    if state[:2] in ("08", "53", "57", "58", "XX") or (not state and isinstance(error, psycopg.OperationalError)):
        return Unavailable(
            f"The source at {address} could not answer: {said[:300]}. No rows came back.", hint="Try again in a moment."
        )
    if state[:2] == "40":
        return Unavailable(
            f"The source at {address} ended the query: {said[:300]}. No rows came back.", hint="Run it again."
        )
    if state == "42501":
        return Invalid(
            f"The source's own role may not do that: {said[:300]}. No rows came back.",
            hint="Ask the administrator of the source to grant SELECT on it to the source's role.",
        )
    position = error.diag.statement_position
    offset = int(position) - 1 - prefix if position else -1
    where = f" (at {checked.place(offset)})" if 0 <= offset <= len(checked.sql) else ""
    hint = error.diag.message_hint or error.diag.message_detail or "Mend the SQL and run it again."
    return Invalid(f"The source refused the query{where}: {said[:500]}. No rows came back.", hint=hint[:500])
