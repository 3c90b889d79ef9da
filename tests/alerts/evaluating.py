"""Evaluating in the tests: limits that nobody has to wait for, and one slot of some rules."""

from __future__ import annotations

from uuid import UUID

from datapulse_tui.alerts.evaluation.evaluator import Evaluator
from datapulse_tui.alerts.evaluation.model import Limits
from tests.faults.support import World

QUICK = Limits(pauses=(0.01, 0.01), timeout=5, flush_after=0.1, stop_wait=0.2)


async def evaluate(evaluator: Evaluator, world: World, *rules: UUID, source: UUID | None = None) -> None:
    """One slot of some rules (none: of all)."""
    world.due(*rules)
    await evaluator.evaluate(source or world.source)
    await evaluator.idle()
