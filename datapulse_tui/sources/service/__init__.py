"""What changes sources, their grants and saved queries, and what runs SQL for a person.

Changes happen in the caller's transaction. `check_source` and `run_query` talk to the source for seconds, so they take
the database and open short transactions of their own around it.
"""

from __future__ import annotations

from datapulse_tui.sources.service.checking import CheckedSource, check_source
from datapulse_tui.sources.service.grants import grant_source, revoke_source
from datapulse_tui.sources.service.parts import QUERIES_TOPIC
from datapulse_tui.sources.service.queries import authorise, run_query, save_query
from datapulse_tui.sources.service.sources import add_source, delete_source, update_source

__all__ = [
    "QUERIES_TOPIC",
    "CheckedSource",
    "add_source",
    "authorise",
    "check_source",
    "delete_source",
    "grant_source",
    "revoke_source",
    "run_query",
    "save_query",
    "update_source",
]
