"""Who may do what, one file a room: the table that the matrix is held against."""

from __future__ import annotations

from tests.permissions.decisions import administration, alerts, dashboards, people, requests, sources
from tests.permissions.table import Decision

DECISIONS: dict[str, Decision] = {}
NOT_VERBS: dict[str, str] = {}
for room in (administration, alerts, dashboards, people, requests, sources):
    DECISIONS |= room.DECISIONS
    NOT_VERBS |= room.NOT_VERBS
