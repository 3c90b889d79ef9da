"""What `datapulse db check` reads: does the database answer, which one is it, does its schema fit."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import text

from datapulse_tui.data.database import Database
from datapulse_tui.data.schema_version import REVISIONS, schema_state

FACTS = """
SELECT current_user AS role, current_setting('server_version') AS version, pg_is_in_recovery() AS standby,
       pg_database_size(current_database()) AS bytes,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super
"""


async def health(data: Database) -> dict[str, Any]:
    """Facts about the database behind `data`, in the order they are shown. Raises Unavailable."""
    started = time.perf_counter()
    async with data.reading() as session:
        row = (await session.execute(text(FACTS))).one()
        state = await schema_state(session)
    return {
        "address": data.address,
        "role": row.role,
        "superuser": row.super,
        "version": row.version,
        "standby": row.standby,
        "bytes": row.bytes,
        "schema": state.name.lower(),
        "known_schema": REVISIONS[-1],
        "took_ms": round((time.perf_counter() - started) * 1000, 1),
    }
