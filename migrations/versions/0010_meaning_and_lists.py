"""Since when a saved query means what it means, and indexes for the lists of requests that were read whole.

The series of a metric stay when the query's SQL or source changes, and with them the pins and the charts of incidents
that are over. What compares values (a change in percent, a back-test, a sparkline) begins at `queries.meaning_since`.

Which query of requests needs which index, measured over 100,000 pending and as many decided ones:

- workflows_decided_idx: what is decided, the newest first, whoever asks.
- workflows_shared_idx: the same of those that several decide, for who was one of them.
- workflows_voted_idx: what is pending and may have a vote already (by quorum, or provisional).
- workflows_holder_idx, workflows_claimed_by_idx: what somebody has (`assigned:ana`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


_DECIDED_AT = "coalesce(decided_at, created_at) DESC"
# name -> (columns, condition)
INDEXES = {
    "workflows_decided_idx": ([_DECIDED_AT, "id"], "status <> 'pending'"),
    "workflows_shared_idx": ([_DECIDED_AT, "id"], "status <> 'pending' AND quorum > 1"),
    "workflows_voted_idx": (["due_at", "id"], "status = 'pending' AND (quorum > 1 OR final_at IS NOT NULL)"),
    "workflows_holder_idx": (["coalesce(claimed_by, approver_id)"], "status = 'pending'"),
    "workflows_claimed_by_idx": (["claimed_by"], "claimed_by IS NOT NULL"),
}


def upgrade() -> None:
    """Add the column (of a query that never changed, all samples count) and the indexes."""
    op.add_column("queries", sa.Column("meaning_since", sa.DateTime(timezone=True), nullable=True))
    for name, (columns, condition) in INDEXES.items():
        parts = [sa.text(each) if "(" in each else each for each in columns]
        op.create_index(name, "workflows", parts, postgresql_where=sa.text(condition))


def downgrade() -> None:
    """Drop the indexes and the column."""
    for name in INDEXES:
        op.drop_index(name, table_name="workflows")
    op.drop_column("queries", "meaning_since")
