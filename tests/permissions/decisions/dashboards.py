"""Dashboards: by ownership, by a share to edit, and somebody else's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from datapulse_tui.dashboards import applying, service
from datapulse_tui.dashboards.as_code import load
from tests.permissions.table import ADMIN, ADMINS, ANALYST, DEPUTY, OPS, PEOPLE, Call, Decision, Who, may
from tests.permissions.world import Cell

AUTHORS: Who = frozenset({ANALYST, OPS, ADMIN, DEPUTY})
STRANGER = "zoe@example.org"


def document() -> Any:
    return load(b"name: from a file\nwidgets: []\n", "dashboard.yaml")


async def shared(cell: Cell) -> None:
    """The stranger may see it."""
    statement = text("INSERT INTO dashboard_shares (dashboard_id, user_id) VALUES (:dashboard, :user)")
    await cell.session.execute(statement, {"dashboard": cell["dashboard"], "user": cell.stranger})


def owners(call: Call, own: Who = AUTHORS, prepare: Call | None = None) -> Decision:
    """What the owner does while they may make dashboards, and administrators with everybody's."""
    return may(call, prepare=prepare, own=own, shared=ADMINS, foreign=ADMINS)


DECISIONS: dict[str, Decision] = {
    "dashboards.service.share": owners(lambda c: service.share(c.session, c.actor, c["dashboard"], STRANGER, "view")),
    "dashboards.service.unshare": owners(
        lambda c: service.unshare(c.session, c.actor, c["dashboard"], STRANGER), prepare=shared
    ),
    "dashboards.service.set_public": owners(
        lambda c: service.set_public(c.session, c.actor, c["dashboard"], public=True), own=frozenset({OPS, ADMIN})
    ),
    "dashboards.service.delete": owners(lambda c: service.delete(c.session, c.actor, c["dashboard"])),
    "dashboards.service.star": may(
        lambda c: service.star(c.session, c.actor, c["dashboard"], starred=True),
        own=PEOPLE,
        shared=PEOPLE,
        foreign=frozenset({ADMIN}),
    ),
    "dashboards.applying.apply": may(lambda c: applying.apply(c.session, c.actor, document()[0].document), any=AUTHORS),
    "dashboards.applying.apply_all": may(lambda c: applying.apply_all(c.session, c.actor, document()), any=AUTHORS),
}
NOT_VERBS: dict[str, str] = {
    "dashboards.service.open_to_administer": "asks for the right, for the verbs of its room; changes nothing itself",
}
