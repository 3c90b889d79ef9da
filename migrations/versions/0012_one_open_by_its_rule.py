"""The one open incident of a series is found by an index that no list of what is open can be mistaken for.

All indexes of what is open said `status <> 'resolved'`. To a planner whose statistics come from a quiet night each of
them holds next to nothing, so that it read any of them from end to end instead of looking up the rule: closing 10,000
incidents took 7 s instead of 3. "Not resolved" and "without an end" are the same by a constraint of the table.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index anew with the other words."""
    _make_anew("resolved_at IS NULL")


def downgrade() -> None:
    """As 0005 made it."""
    _make_anew("status <> 'resolved'")


def _make_anew(which: str) -> None:
    op.execute("DROP INDEX alert_incidents_one_open_idx")
    op.execute(
        "CREATE UNIQUE INDEX alert_incidents_one_open_idx ON alert_incidents (alert_id, series_id, kind) "
        f"NULLS NOT DISTINCT WHERE {which}"
    )
