"""Which schema this program knows, asked without importing Alembic, which costs the first paint half a second."""

from __future__ import annotations

from enum import Enum, auto

from datapulse_tui.data.glance import Reader, fetch
from datapulse_tui.errors import DataPulseError

# In order; a test holds this in step with the files in migrations/versions.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012")


class SchemaState(Enum):
    """How the database's schema stands to the one that this program knows."""

    CURRENT = auto()
    EMPTY = auto()
    OLDER = auto()
    NEWER = auto()


class SchemaTooOld(DataPulseError):
    """The database has an older schema; an upgrade is offered."""


class SchemaTooNew(DataPulseError):
    """The database was upgraded by a newer DataPulse; this one keeps its hands off."""


def compare(revision: str | None) -> SchemaState:
    """The state of a database that stands at `revision` (None: nothing was ever migrated)."""
    if revision is None:
        return SchemaState.EMPTY
    if revision not in REVISIONS:
        return SchemaState.NEWER
    return SchemaState.CURRENT if revision == REVISIONS[-1] else SchemaState.OLDER


async def schema_state(session: Reader) -> SchemaState:
    """Read the revision of the database behind `session`."""
    if not (await fetch(session, "SELECT to_regclass('alembic_version') IS NOT NULL AS there"))[0].there:
        return SchemaState.EMPTY
    found = await fetch(session, "SELECT version_num FROM alembic_version")
    return compare(found[0].version_num if found else None)


def refusal(state: SchemaState) -> DataPulseError | None:
    """The error that `state` calls for, or None when the program can run."""
    if state is SchemaState.NEWER:
        return SchemaTooNew(
            "This database was made by a newer DataPulse. Nothing was changed.",
            hint="Update this installation, or name another database in DATAPULSE_DATABASE_URL.",
        )
    if state in (SchemaState.OLDER, SchemaState.EMPTY):
        what = "has no DataPulse tables yet" if state is SchemaState.EMPTY else "has an older schema"
        return SchemaTooOld(f"This database {what}. Nothing was changed.", hint="Run `datapulse db upgrade`.")
    return None
