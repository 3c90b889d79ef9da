"""Alerts: incidents by who receives them, rules by whose they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from datapulse_tui.alerts import applying, as_code
from datapulse_tui.alerts.schemas import check
from datapulse_tui.alerts.service import rules, snooze_ends, snoozes, triage, views
from datapulse_tui.errors import Conflict, DataPulseError, NotFound
from tests.permissions.table import ADMIN, ADMINS, MANAGERS, NOBODY, OPS, PEOPLE, THEMSELVES, Call, Decision, Who, may
from tests.permissions.world import Cell

MAKERS: Who = frozenset({OPS, ADMIN})  # who may make rules, and be the owner of one
LATER = datetime.now(UTC) + timedelta(hours=4)


def spec(cell: Cell, query: str = "own", name: str = "made") -> Any:
    return check(
        {
            "name": name, "query": str(cell.thing("query", query)), "metric": "value", "threshold_type": "above",
            "threshold": 1, "active": False,
        }
    )  # fmt: skip


def document(cell: Cell) -> Any:
    rule = {
        "name": "from a file",
        "query": str(cell.thing("query", "own")),
        "metric": "value",
        "threshold_type": "above",
        "threshold": 1,
    }
    return as_code.load(json.dumps({"rules": [rule]}).encode(), "rule.yaml")


async def would_hide(cell: Cell) -> None:
    """It counts what the person sees: none of them is as good as not found."""
    if not (await snoozes.would_hide(cell.session, cell.actor, incident_ids=[cell["incident"]])).number:
        raise NotFound("not one that they see")


def incident(call: Call, *ends: type[DataPulseError]) -> Decision:
    """A verb on an incident: for whoever receives it, and for who manages operations on every one."""
    return may(call, *ends, own=PEOPLE, shared=PEOPLE, foreign=MANAGERS)


def rule(call: Call) -> Decision:
    """A verb on a rule: for its owner while they may make rules, and for administrators on every one."""
    return may(call, own=MAKERS, shared=ADMINS, foreign=ADMINS)


DECISIONS: dict[str, Decision] = {
    "alerts.service.triage.acknowledge": incident(
        lambda c: triage.acknowledge(c.session, c.actor, c.seen("incident"))
    ),
    "alerts.service.triage.unacknowledge": incident(
        lambda c: triage.unacknowledge(c.session, c.actor, c.seen("acknowledged"))
    ),
    "alerts.service.triage.resolve": incident(lambda c: triage.resolve(c.session, c.actor, c.seen("incident"))),
    # Nothing fires in this world: whoever may is told so.
    "alerts.service.triage.reopen": incident(lambda c: triage.reopen(c.session, c.actor, c.seen("resolved")), Conflict),
    "alerts.service.triage.assign": incident(
        lambda c: triage.assign(c.session, c.actor, c.seen("incident"), c.root)
    ),
    "alerts.service.triage.comment": incident(
        lambda c: triage.comment(c.session, c.actor, c.seen("incident"), "so it is")
    ),
    "alerts.service.snoozes.snooze": incident(
        lambda c: snoozes.snooze(
            c.session, c.actor, c.seen("incident"), kind="until_time", until=LATER, reason="quiet"
        )
    ),
    "alerts.service.snoozes.snooze_rule": may(
        lambda c: snoozes.snooze_rule(c.session, c.actor, c["rule"], kind="until_time", until=LATER, reason="quiet"),
        own=PEOPLE,
        shared=MAKERS,
        foreign=MANAGERS,
    ),
    "alerts.service.snoozes.would_hide": incident(would_hide),
    "alerts.service.snooze_ends.extend": incident(
        lambda c: snooze_ends.extend(c.session, c.actor, c["snooze"], 1, LATER)
    ),
    "alerts.service.snooze_ends.end": incident(lambda c: snooze_ends.end(c.session, c.actor, c["snooze"], 1)),
    "alerts.service.snooze_ends.unsnooze": incident(
        lambda c: snooze_ends.unsnooze(c.session, c.actor, c.seen("snoozed"))
    ),
    "alerts.service.rules.create": may(
        lambda c: rules.create(
            c.session, c.actor, spec(c, c.whose), owner_id=None if c.whose == "own" else c.world.people["sam"]
        ),
        own=MAKERS,
        foreign=ADMINS,
    ),
    "alerts.service.rules.update": rule(
        lambda c: rules.update(c.session, c.actor, c["rule"], 1, spec(c, c.whose, "changed"))
    ),
    "alerts.service.rules.copy": may(
        lambda c: rules.copy(c.session, c.actor, c["rule"], name="copied"), own=MAKERS, shared=MAKERS, foreign=ADMINS
    ),
    "alerts.service.rules.pause": rule(lambda c: rules.pause(c.session, c.actor, c["rule"])),
    "alerts.service.rules.resume": rule(lambda c: rules.resume(c.session, c.actor, c["rule"])),
    "alerts.service.rules.archive": rule(lambda c: rules.archive(c.session, c.actor, c["rule"])),
    "alerts.service.rules.set_owner": may(
        lambda c: rules.set_owner(c.session, c.actor, c["rule"], c.root), own={ADMIN}, shared=ADMINS, foreign=ADMINS
    ),
    "alerts.applying.apply_all": may(lambda c: applying.apply_all(c.session, c.actor, document(c)), own=MAKERS),
    # Views are like preferences: they give nothing, and need no permission.
    "alerts.service.views.save_view": may(
        lambda c: views.save_view(c.session, c.actor, "mine", "severity:critical"), any=THEMSELVES
    ),
    "alerts.service.views.rename_view": may(
        lambda c: views.rename_view(c.session, c.actor, c["view"], "other"), own=THEMSELVES, foreign=NOBODY
    ),
    "alerts.service.views.change_view": may(
        lambda c: views.change_view(c.session, c.actor, c["view"], "severity:info"), own=THEMSELVES, foreign=NOBODY
    ),
    "alerts.service.views.delete_view": may(
        lambda c: views.delete_view(c.session, c.actor, c["view"]), own=THEMSELVES, foreign=NOBODY
    ),
    # Those of others are passed over.
    "alerts.service.views.reorder_views": may(
        lambda c: views.reorder_views(c.session, c.actor, [c.thing("view", "foreign")]), any=THEMSELVES
    ),
}  # fmt: skip

INSIDE = "a step of the verbs of its room, which have asked for the right"
NOT_VERBS: dict[str, str] = dict.fromkeys(
    (
        "alerts.service.acting.change",
        "alerts.service.acting.hold",
        "alerts.service.acting.record",
        "alerts.service.rules_queries.query_changed",
        "alerts.service.rules_resolving.owner_actor",
        "alerts.service.rules_resolving.require_query_rights",
        "alerts.service.rules_resolving.resolve",
        "alerts.service.rules_rights.locked",
        "alerts.service.rules_rights.owner_for_edit",
        "alerts.service.rules_rights.owner_to_be",
        "alerts.service.rules_writing.end_snoozes",
        "alerts.service.rules_writing.rest",
        "alerts.service.rules_writing.start_again",
        "alerts.service.rules_writing.tell",
        "alerts.service.snooze_ends.end_of_resolved",
    ),
    INSIDE,
)
