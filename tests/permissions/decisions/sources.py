"""Sources and channels: `shared` is one that was granted."""

from __future__ import annotations

from typing import Any

from datapulse_tui.errors import Conflict, DataPulseError
from datapulse_tui.notify.service import channels, outbox, testing
from datapulse_tui.sources import service
from datapulse_tui.sources.pool import Sources
from tests.permissions.table import ADMIN, ADMINS, ANALYST, DEPUTY, OPS, Call, Decision, Who, may
from tests.permissions.world import MAIL, Cell

QUERYING: Who = frozenset({ANALYST, OPS, ADMIN, DEPUTY})
STRANGER = "zoe@example.org"


async def pooled(cell: Cell, verb: Any, **values: Any) -> object:
    """A verb that reaches into the source."""
    pool = Sources(cell.box)
    try:
        return await verb(cell.data, pool, cell.actor, **values)
    finally:
        await pool.close()


def managed(call: Call, *ends: type[DataPulseError]) -> Decision:
    """For administrators alone."""
    return may(call, *ends, shared=frozenset({ADMIN}), foreign=ADMINS)


DECISIONS: dict[str, Decision] = {
    "sources.service.sources.add_source": may(
        lambda c: service.add_source(
            c.session, c.actor, c.box, name="new", type="postgresql", config={"host": "h", "dbname": "d", "user": "u"}
        ),
        any=ADMINS,
    ),
    "sources.service.sources.update_source": managed(
        lambda c: service.update_source(c.session, c.actor, c.box, c["source"], name="other")
    ),
    "sources.service.checking.check_source": may(
        lambda c: pooled(c, service.check_source, source=c["source"]), shared=QUERYING, foreign=ADMINS
    ),
    # Both are in use: whoever may delete them is told by whom.
    "sources.service.sources.delete_source": managed(
        lambda c: service.delete_source(c.session, c.actor, c["source"]), Conflict
    ),
    "sources.service.grants.grant_source": managed(
        lambda c: service.grant_source(c.session, c.actor, c["source"], STRANGER)
    ),
    "sources.service.grants.revoke_source": managed(
        lambda c: service.revoke_source(c.session, c.actor, c["source"], STRANGER)
    ),
    "sources.service.queries.authorise": may(
        lambda c: service.authorise(c.session, c.actor, c["source"]), shared=QUERYING, foreign=ADMINS
    ),
    "sources.service.queries.run_query": may(
        lambda c: pooled(c, service.run_query, source=c["source"], sql="SELECT 1"), shared=QUERYING, foreign=ADMINS
    ),
    "sources.service.queries.save_query": may(
        lambda c: service.save_query(c.session, c.actor, name="new", sql="SELECT 1", source=c["source"]),
        shared=QUERYING,
        foreign=frozenset({ADMIN}),
    ),
    "notify.service.channels.create_channel": may(
        lambda c: channels.create_channel(c.session, c.actor, c.box, name="new", type="email", config=MAIL), any=ADMINS
    ),
    "notify.service.channels.update_channel": may(
        lambda c: channels.update_channel(c.session, c.actor, c.box, c["channel"], name="other"), foreign=ADMINS
    ),
    "notify.service.channels.delete_channel": may(
        lambda c: channels.delete_channel(c.session, c.actor, c["channel"]), foreign=ADMINS
    ),
    "notify.service.outbox.send_again": may(
        lambda c: outbox.send_again(c.session, c.actor, [c["delivery"]]), foreign=ADMINS
    ),
    "notify.service.testing.test_channel": may(
        lambda c: testing.test_channel(c.data, c.box, c.actor, c["channel"], to="x@example.org"), foreign=ADMINS
    ),
}
NOT_VERBS: dict[str, str] = {
    "sources.service.parts.record_change": "writes down what a verb of its room has asked the right for and done",
}
