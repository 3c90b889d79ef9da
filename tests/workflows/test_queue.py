"""The lists of the queue on a real database: whose they are, their order, page after page, and counts."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import pytest
from sqlalchemy import text

from datapulse_tui.alerts.reads.views import list_views
from datapulse_tui.alerts.service.views import save_view
from datapulse_tui.alerts.views import Count
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.glance import Glance
from datapulse_tui.data.page import every
from datapulse_tui.errors import Invalid, NotAllowed
from datapulse_tui.workflows.completion import complete
from datapulse_tui.workflows.filter_sql import where
from datapulse_tui.workflows.filters import RequestFilter
from datapulse_tui.workflows.reads import counts
from datapulse_tui.workflows.reads.delegations import list_delegations
from datapulse_tui.workflows.reads.detail import get_request
from datapulse_tui.workflows.reads.queue import list_requests, page_sql, versions, waiting
from datapulse_tui.workflows.reads.standing import standing
from datapulse_tui.workflows.rules import Priority, Scope
from datapulse_tui.workflows.service import decisions, requests
from tests.workflows.conftest import ADMINS, Office

SYSTEM = Actor(None, "operator:root@host", everything=True)


async def count(office: Office, actor: Actor, filter: str = "", **more: Any) -> Count:
    async with office.data.glance() as session:
        return await counts.count(session, actor, filter, **more)


async def badge(office: Office, actor: Actor) -> int:
    async with office.data.glance() as session:
        return (await counts.badge(session, actor)).number


async def test_the_lists(office: Office) -> None:
    """low, normal and critical of bea, one of olga, one for admins alone."""
    for priority in (Priority.LOW, Priority.CRITICAL, Priority.HIGH):
        await office.ask(what=priority.value, priority=priority)
    await office.ask(office.olga, "own")
    done = await office.ask(what="done")
    await office.ask(what="secret", words=ADMINS, priority=Priority.LOW)
    await office.approve(office.olga, done)
    assert set(await office.subjects(office.olga)) == {"critical", "high", "low", "done"}
    assert await badge(office, office.olga) == 3, "what is decided waits for nobody"
    async with office.data.glance() as session:
        assert [row.subject for row in await waiting(session, office.olga)] == ["critical", "high", "low"]
        assert [row.subject for row in await waiting(session, office.olga, 1)] == ["critical"]
    await office.settle(done)
    assert await office.subjects(office.olga) == ["critical", "high", "low"]
    assert await office.subjects(office.olga, Scope.MINE) == ["own"]
    assert await office.subjects(office.olga, Scope.DECIDED) == ["done"]
    assert (await office.subjects(office.olga, Scope.ALL))[:2] == ["critical", "high"]
    assert "done" not in await office.subjects(office.olga, Scope.ALL)
    assert (await office.subjects(office.olga, Scope.ALL, "state:any"))[-1] == "done"
    assert await office.subjects(office.olga, Scope.ALL, "state:decided") == ["done"]
    assert set(await office.subjects(office.bea, Scope.MINE)) == {"critical", "high", "low", "done", "secret"}
    assert (await office.subjects(office.bea, Scope.MINE))[-1] == "done", "what is decided comes last"
    assert await office.subjects(office.bob) == []
    assert await office.subjects(SYSTEM) == []
    assert len(await office.subjects(SYSTEM, Scope.ALL)) == 5
    async with office.data.glance() as session:
        with pytest.raises(NotAllowed):
            await counts.count(session, office.bea, "", scope=Scope.ALL)


async def test_pages_hold_each_once_and_in_order(office: Office) -> None:
    pending = [await office.ask(what=f"p{n}") for n in range(4)]
    await office.rows("UPDATE workflows SET due_at = created_at WHERE id = ANY(:ids)", ids=pending[:2])
    await office.rows("UPDATE workflows SET due_at = NULL WHERE id = :id", id=pending[3])
    decided = [await office.ask(what=f"d{n}") for n in range(3)]
    for each in decided:  # one after the other: the newest decision is the first
        await office.do(requests.withdraw, office.bea, each)
    whole = await office.list(office.bea, Scope.MINE)
    assert [row.subject for row in whole[2:]] == ["p2", "p3", "d2", "d1", "d0"]
    for limit in (1, 2, 3):

        async def read(after: str | None, limit: int = limit) -> Any:
            async with office.data.glance() as session:
                return await list_requests(session, office.bea, scope=Scope.MINE, after=after, limit=limit)

        assert [row.id for row in await every(read)] == [row.id for row in whole]
    async with office.data.glance() as session:
        with pytest.raises(Invalid, match="cursor"):
            await list_requests(session, office.bea, after="bm90IG91cnM")


async def test_counts_are_bounded(office: Office) -> None:
    for _ in range(3):
        await office.ask()
    assert await count(office, office.olga) == Count(3)
    assert await count(office, office.olga, bound=2) == Count(2, exact=False)
    assert await count(office, office.bea, scope=Scope.MINE) == Count(3)
    assert await count(office, office.olga, "state:decided") == Count(0)
    assert await count(office, office.olga, "late:yes") == Count(0)
    async with office.data.glance() as session:
        assert set(await counts.default_counts(session, office.olga)) == set(counts.DEFAULT_VIEWS)


async def test_named_views_of_this_room(office: Office) -> None:
    await office.ask()
    async with office.data.transaction() as session:
        await save_view(session, office.olga, "Of Bea", "requester:bea", room="workflows")
    async with office.data.glance() as session:
        [view] = await list_views(session, office.olga, "workflows", counts.count)
        assert (view.name, view.count) == ("Of Bea", Count(1))
        assert await list_views(session, office.olga) == ()


async def test_ids_and_numbers_become_versions(office: Office) -> None:
    one, hidden = await office.ask(), await office.ask(office.bob, words=ADMINS)
    number = (await office.request(one)).number
    async with office.data.glance() as session:
        found = await versions(session, office.bea, [number, one, hidden, 999])
        assert found == {number: (one, 1), one: (one, 1)}
        assert len(await versions(session, office.ada, [one, hidden])) == 2


FILTERS = {
    "": {"slow", "fast"},
    "type:deed": {"fast"},
    "type:fav,dee": {"slow", "fast"},
    "-type:deed": {"slow"},
    "priority:critical": {"fast"},
    "requester:bea": {"slow"},
    "requester:bo": {"fast"},
    "requester:me": set(),
    "requester:nobody_at_all": set(),
    "assigned:me": {"slow"},
    "assigned:none": {"fast"},
    "-assigned:none": {"slow"},
    "assigned:olga,none": {"slow", "fast"},
    "late:yes": {"fast"},
    "late:no": {"slow"},
    "since:1h": {"slow"},
    "until:1h": {"fast"},
    "slo": {"slow"},
    '"fast"': {"fast"},
    "fast deed": {"fast"},
    "favour": {"slow"},
    "effect:none": {"slow", "fast"},
    "effect:failed": set(),
    "approver:olga": set(),
    "approver:otto": {"slow"},
    "state:pending": {"slow", "fast"},
    "state:information": set(),
    "state:open": {"slow", "fast"},
    "state:any": {"slow", "fast"},
    "state:approved,rejected,completed,withdrawn,expired": set(),
    "-state:pending": set(),
    "number:1": {"slow"},
    "#2": {"fast"},
    "x'/**/or/**/'1": set(),
}


async def test_filters_find_what_they_say(office: Office) -> None:
    slow = await office.ask(what="slow", priority=Priority.LOW, quorum=3)
    fast = await office.ask(office.bob, what="fast", type="deed", priority=Priority.CRITICAL)
    await office.elapse(fast, hours=2)
    await office.do(decisions.claim, office.olga, slow)
    await office.approve(office.otto, slow)
    for text_, expected in FILTERS.items():
        assert set(await office.subjects(office.olga, filter=text_)) == expected, text_


@pytest.mark.soak
async def test_a_hundred_thousand_requests_open_quickly(office: Office) -> None:
    """At most 1.5 x the bare statement and 60 ms, for who sees all of them and who sees few."""
    await fill(office, 100_000)
    few = await office.person("few")
    sql = "UPDATE workflows SET audience = :words WHERE number % 5000 = 0 AND status = 'pending'"
    await office.rows(sql, words=[f"user:{few.user_id}"])
    await office.rows("ANALYZE workflows")
    for who, scope in (
        (office.olga, Scope.FOR_ME),
        (few, Scope.FOR_ME),
        (office.olga, Scope.ALL),
        (office.bea, Scope.MINE),
    ):
        bare, service = [], []
        for _ in range(15):
            async with office.data.reading() as session:
                mine = await standing(session, who)
                condition = await where(session, who, mine, scope, RequestFilter())
                statement = page_sql(condition, scope, RequestFilter(), None)
                await session.execute(text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"))
                started = time.perf_counter()
                (await session.execute(text(statement), {**condition.params, "limit": 201})).all()
                bare.append(time.perf_counter() - started)
            async with office.data.reading() as session:
                started = time.perf_counter()
                page = await list_requests(session, who, scope=scope)
                service.append(time.perf_counter() - started)
        assert page.items
        assert median(service) <= 1.5 * median(bare) + 0.06, (who.label, scope)
        assert median(service) < 5, (who.label, scope)
    async with office.data.reading() as session:
        started = time.perf_counter()
        assert str(await counts.badge(session, office.olga)) == "1,000+"
        assert time.perf_counter() - started < 2


async def fill(office: Office, number: int) -> None:
    """That many requests of bea and bob, half of them decided."""
    async with office.data.transaction() as session:
        await session.execute(
            text("""
            INSERT INTO workflows (requester_id, type, subject, audience, due_at, created_at, status, outcome,
                                   approver_id, decided_at)
            SELECT CASE WHEN n % 100 = 0 THEN CAST(:bea AS uuid) ELSE CAST(:bob AS uuid) END, 'favour', 'request ' || n,
                ARRAY['permission:workflow:decide'], now() + make_interval(secs => n), now() - make_interval(secs => n),
                CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'rejected' END, CASE WHEN n % 2 = 1 THEN 'withdrawn' END,
                NULL, CASE WHEN n % 2 = 1 THEN now() - make_interval(secs => n) END
            FROM generate_series(1, CAST(:number AS integer)) n
            """),
            {"bea": office.bea.user_id, "bob": office.bob.user_id, "number": number},
        )


async def test_the_first_reads_need_no_sqlalchemy(office: Office) -> None:
    """They go through a plain connection as well, whoever reads."""
    one = await office.ask()
    await office.delegation(office.ada, office.otto, "favour")
    async with office.other() as cold:
        for who in (office.ada, office.olga, office.otto, office.bea, SYSTEM):
            async with cold.data.glance() as session:
                assert isinstance(session, Glance)
                await waiting(session, who)
                await counts.badge(session, who)
                for scope in Scope:
                    if scope is not Scope.ALL or who is not office.bea:
                        text_ = "requester:bea -late:yes day since:7d assigned:none type:fav state:any"
                        await list_requests(session, who, scope=scope, filter=text_)
                assert (await get_request(session, who, one)).row.subject == "a day off"
                assert await versions(session, who, [one]) == {one: (one, 1)}
                await complete(session, who, "requester:b", 11)
                await complete(session, who, "number:", 7)
                await list_delegations(session, who)
