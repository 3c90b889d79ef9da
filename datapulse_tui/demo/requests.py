"""Requests among the sample people: some wait for each of those who decide, some are decided, as people would have
done it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.demo.cast import FILES_SOURCE
from datapulse_tui.errors import DataPulseError
from datapulse_tui.people.actors import actor_for
from datapulse_tui.workflows import effects, timers
from datapulse_tui.workflows.rules import Priority
from datapulse_tui.workflows.service import decisions, requests
from datapulse_tui.workflows.types.registry import type_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.connect import Connection


@dataclass(frozen=True, slots=True)
class Sample:
    """A request of somebody (all at demo.example). `decided` is who decided, the verb, and what they said."""

    requester: str
    type: str
    fields: Mapping[str, str]
    priority: Priority | None = None
    decided: tuple[str, str, str] | None = None


SAMPLES: Sequence[Sample] = (
    Sample(
        "rafael", "dashboard_access",
        # The file of this dashboard names no shares, so that a later edition of the demo leaves this one alone.
        {"dashboard": "Service latency", "permission": "edit", "reason": "I would add errors by service."},
        decided=("jonas", "approve", "Please keep p95 on top."),
    ),
    Sample(
        "samir", "free_form", {"subject": "Close the books of the third quarter on Friday"},
        decided=("amara", "approve", "We keep the reports quiet from noon on."),
    ),
    Sample(
        "mei", "role_grant", {"role": "admin", "reason": "To add sources myself."},
        decided=("ines", "reject", "Tell me which source; I add it today."),
    ),
    Sample("zoe", "dashboard_access", {"dashboard": "Headcount", "reason": "Who is new in sales this month?"}),
    Sample("samir", "dashboard_access", {"dashboard": "Database health", "reason": "The bill for storage has grown."}),
    Sample("lucia", "dashboard_access", {"dashboard": "Orders", "reason": "Bonuses depend on them."}, Priority.LOW),
    Sample("zoe", "user_activation", {"person": "hana@demo.example", "reason": "Hana started in Tokyo on Monday."}),
    Sample("rafael", "data_source_access", {"source": FILES_SOURCE, "reason": "To compare orders with the latency."}),
    Sample(
        "lucia", "free_form", {"subject": "A screen for the entrance hall", "text": "For the operations wall."},
        Priority.HIGH,
    ),
    Sample(
        "jonas", "free_form",
        {"subject": "Swap my on-call week with Amara", "text": "My sister marries.", "department": "Operations"},
    ),
)  # fmt: skip

_MADE = """
SELECT EXISTS (SELECT FROM workflows w JOIN users u ON u.id = w.requester_id
    WHERE u.email = :email AND w.type = :type AND w.details->'fields' = CAST(:fields AS jsonb))
"""
_FINAL = """
UPDATE workflows SET final_at = now(), timer_at = now() WHERE id = ANY(CAST(:ids AS uuid[])) AND final_at IS NOT NULL
"""


async def make(connection: Connection, through: str) -> None:
    """Make those of SAMPLES that are not there; `through` is in whose name the sample people act.

    What cannot be asked for any more, because somebody has been at work here, is left out.
    """
    decided = []
    for sample in SAMPLES:
        try:
            async with connection.data.transaction() as session:
                made = await _make(session, sample, through)
        except DataPulseError:
            continue
        if made is not None and sample.decided is not None:
            decided.append(made)
    if decided:
        # Nobody takes these back: they are final now instead of in ten seconds.
        async with connection.data.transaction() as session:
            await session.execute(text(_FINAL), {"ids": decided})
        await timers.run_due(connection.data)
        await effects.run_due(connection.data)


async def _make(session: AsyncSession, sample: Sample, through: str) -> UUID | None:
    """The request with its decision; None where it was there already."""
    email = _address(sample.requester)
    filled_in = type_of(sample.type).parse(sample.fields).model_dump(mode="json")
    values: dict[str, Any] = {"email": email, "type": sample.type, "fields": json.dumps(filled_in)}
    if await session.scalar(text(_MADE), values):
        return None
    requester = await actor_for(session, email, through=through)
    made = await requests.create(session, requester, sample.type, sample.fields, sample.priority)
    if sample.decided is not None:
        who, verb, said = sample.decided
        approver = await actor_for(session, _address(who), through=through)
        await (decisions.approve if verb == "approve" else decisions.reject)(session, approver, [(made, 1)], said)
    return made


def _address(name: str) -> str:
    return f"{name}@demo.example"
