"""The sample requests: something waits for everybody who decides, and what is decided is really so."""

from __future__ import annotations

import time
from collections import Counter

from sqlalchemy import text

from datapulse_tui.data.connect import Connection
from datapulse_tui.demo import requests
from datapulse_tui.demo.making import MAKER
from datapulse_tui.people.actors import actor_for
from datapulse_tui.workflows.reads.counts import badge
from datapulse_tui.workflows.reads.detail import get_request
from datapulse_tui.workflows.reads.queue import list_requests
from datapulse_tui.workflows.rules import Scope

APPROVERS = ("ines", "amara", "jonas", "mei", "priya")


async def test_something_waits_for_everybody_who_decides(demo: Connection) -> None:
    async with demo.data.reading() as session:
        for name in APPROVERS:
            actor = await actor_for(session, f"{name}@demo.example")
            assert (await badge(session, actor)).number > 0, name


async def test_the_decided_ones_are_decided_by_people(demo: Connection) -> None:
    async with demo.data.reading() as session:
        ines = await actor_for(session, "ines@demo.example")
        rows = (await list_requests(session, ines, scope=Scope.ALL, filter="state:any")).items
        assert Counter((row.status.value, row.effect_state.value) for row in rows) == {
            ("pending", "none"): 7, ("completed", "done"): 1, ("approved", "none"): 1, ("rejected", "none"): 1,
        }  # fmt: skip
        (done,) = [row for row in rows if row.status == "completed"]
        view = await get_request(session, ines, done.id)
        assert [event.kind for event in view.events] == ["requested", "voted", "decided", "effect_done"]
        share = await session.scalar(
            text("SELECT permission FROM dashboard_shares s JOIN users u ON u.id = s.user_id WHERE u.name LIKE 'Raf%' "
                 "AND dashboard_id = (SELECT id FROM dashboards WHERE name = 'Service latency')")
        )  # fmt: skip
        assert share == "edit"


async def test_making_them_is_quick_and_happens_once(demo: Connection) -> None:
    count = text("SELECT count(*) FROM workflows")
    async with demo.data.transaction() as session:
        before = await session.scalar(count)
        await session.execute(text("DELETE FROM workflows WHERE status = 'pending'"))
    began = time.process_time()
    await requests.make(demo, MAKER.label)
    assert time.process_time() - began < 1
    await requests.make(demo, MAKER.label)
    async with demo.data.reading() as session:
        assert await session.scalar(count) == before
