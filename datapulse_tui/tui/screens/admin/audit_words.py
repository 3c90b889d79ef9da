"""Records of the trail in words: the paragraphs of one, and how many are new. Pure; the zone is an argument."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datapulse_tui.audit.difference import changes, notes
from datapulse_tui.audit.filters import words_of
from datapulse_tui.tui.widgets.pane import Item

if TYPE_CHECKING:
    from datapulse_tui.audit.reads import AuditRecord

NOTHING_CHANGED = "It says nothing of what was before and after."


def items(record: AuditRecord, zone: ZoneInfo) -> list[Item]:
    """All that is told of a record: who, when, on what, and what changed field by field."""
    at = record.at.astimezone(zone)
    found = [Item("title", record.action), Item("dim", f"record {record.seq:,}"), Item("gap")]
    facts = (
        ("when", f"{at:%Y-%m-%d %H:%M:%S} {zone.key}"),
        ("who", record.who),
        ("through", record.through),
        ("on", record.thing),
        ("id", str(record.resource_id) if record.name and record.resource_id else None),
        ("from", record.ip_address),
        ("client", record.user_agent),
    )
    found += [Item("fact", text, label) for label, text in facts if text]
    said = notes(record.details)
    if said:
        found += [Item("gap"), *(Item("fact", text, name.replace("_", " ")) for name, text in said)]
    found += [Item("gap"), *_changes(record)]
    return found


def _changes(record: AuditRecord) -> list[Item]:
    found: list[Item] = []
    cut = False
    for each in changes(record.details):
        found.append(Item("text", each.path))
        if each.before is not None:
            found.append(Item("dim", f"− {each.before or '(empty)'}"))
        if each.after is not None:
            found.append(Item("text", f"+ {each.after or '(empty)'}"))
        cut = cut or each.cut
    if cut:
        found += [Item("gap"), Item("dim", "Long values are cut; y copies the whole record.")]
    return found or ([] if notes(record.details) else [Item("dim", NOTHING_CHANGED)])


def whole(record: AuditRecord) -> str:
    """The record as one JSON document, for copying."""
    parts = {
        "number": record.seq, "at": record.at.isoformat(), "who": record.who, "through": record.through,
        "action": record.action, "resource_type": record.resource_type,
        "resource_id": str(record.resource_id) if record.resource_id else None, "ip_address": record.ip_address,
        "user_agent": record.user_agent, "details": record.details,
    }  # fmt: skip
    return json.dumps(parts, ensure_ascii=False, indent=2)


def same_thing(record: AuditRecord) -> str:
    """The filter for what happened to the same thing."""
    return words_of(on=f"{record.resource_type}/{record.resource_id}" if record.resource_id else record.resource_type)


def same_person(record: AuditRecord) -> str:
    """The filter for what the same person, operator or job did."""
    return words_of(who=record.who)
