"""Changes are carried out one behind the other, and none is lost by a later key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from datapulse_tui.data.engine import OutcomeUnknown
from datapulse_tui.errors import Conflict, DataPulseError
from datapulse_tui.tui.failures import Unexpected
from datapulse_tui.tui.writes import Write, WriteQueue

pytestmark = pytest.mark.usefixtures("dashboards_first")


@pytest.fixture
async def queue() -> AsyncIterator[WriteQueue]:
    queue = WriteQueue()
    task = asyncio.create_task(queue.run())
    yield queue
    task.cancel()


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[DataPulseError] = []

    def write(self, name: str, work=None, verify=None) -> Write:
        async def nothing() -> None:
            await asyncio.sleep(0)

        return Write(name, work or nothing, lambda: self.done.append(name), self.failed.append, verify)


async def test_first_in_first_out(queue: WriteQueue) -> None:
    log, gate = Log(), asyncio.Event()
    queue.put(log.write("slow", gate.wait))
    for name in ("a", "b", "c"):
        queue.put(log.write(name))
    await asyncio.sleep(0)
    assert queue.pending == 4
    assert log.done == []
    gate.set()
    assert await queue.finished(5)
    assert log.done == ["slow", "a", "b", "c"]


async def test_a_failure_is_told_and_does_not_end_the_queue(queue: WriteQueue) -> None:
    log = Log()

    async def refuse() -> None:
        raise Conflict("Somebody was first.")

    async def break_down() -> None:
        raise KeyError("fault")

    queue.put(log.write("refused", refuse))
    queue.put(log.write("broken", break_down))
    queue.put(log.write("fine"))
    assert await queue.finished(5)
    assert log.done == ["fine"]
    assert [type(error) for error in log.failed] == [Conflict, Unexpected]
    assert "fault" not in log.failed[1].message


@pytest.mark.parametrize(("happened", "done", "failed"), [(True, 1, 0), (False, 0, 1)])
async def test_an_unknown_outcome_is_looked_up(queue: WriteQueue, happened: bool, done: int, failed: int) -> None:
    log = Log()

    async def die() -> None:
        raise OutcomeUnknown("The line was lost.")

    async def verify() -> bool:
        return happened

    queue.put(log.write("unsure", die, verify))
    assert await queue.finished(5)
    assert (len(log.done), len(log.failed)) == (done, failed)
