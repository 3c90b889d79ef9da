"""What requesters do, on a real database: make, edit, answer, withdraw, comment, and what they see."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.workflows.reads.queue import list_requests
from datapulse_tui.workflows.rules import Priority, Scope, WaitingOn
from datapulse_tui.workflows.service import decisions, requests
from tests.workflows.conftest import Office

SYSTEM = Actor(None, "operator:root@host", everything=True)


async def test_a_request_is_kept_told_and_seen(office: Office) -> None:
    one = await office.ask(priority=Priority.HIGH, what="a key\x1b[2J")
    row = await office.request(one)
    assert row.due_at - row.created_at == timedelta(hours=4)
    assert row.expires_at - row.created_at == timedelta(days=30)
    assert row.timer_at - row.created_at == timedelta(hours=2)
    view = await office.view(office.bea, one)
    assert (view.waits_for, view.may_withdraw, view.may_edit, view.may_run_again) == ("the deciders", True, True, False)
    assert view.values == (("What", "a key\x1b[2J"),)
    assert [(each.kind, each.actor) for each in view.events] == [("requested", "Bea")]
    assert view.related == ()
    seen = await office.view(office.ada, row.number)
    assert (seen.may_withdraw, seen.may_edit) == (False, False)
    assert [each.kind for each in seen.related] == ["workflow.requested"]
    second = await office.ask(what="another")
    assert [each.subject for each in (await office.view(office.olga, second)).earlier] == ["a key\x1b[2J"]


async def test_what_is_no_request_is_refused(office: Office) -> None:
    with pytest.raises(Invalid, match="What: it is needed"):
        await office.ask(what="")
    with pytest.raises(Invalid, match="there is no such field"):
        await office.ask(colour="red")
    with pytest.raises(NotFound, match="no type of request called 'nothing'"):
        await office.ask(type="nothing")
    with pytest.raises(Invalid, match="nobody who could decide"):
        await office.ask(words=" ")
    with pytest.raises(NotAllowed, match="You act for nobody"):
        await office.ask(SYSTEM)
    with pytest.raises(NotAllowed, match="workflow:request"):
        await office.ask(Actor(office.bea.user_id, "Bea"))
    assert await office.rows("SELECT 1 FROM workflows") == []


async def test_others_do_not_see_it(office: Office) -> None:
    one = await office.ask()
    with pytest.raises(NotFound):
        await office.view(office.bob, one)
    with pytest.raises(NotFound):
        await office.do(requests.comment, office.bob, one, text="let me in")
    with pytest.raises(NotFound):
        await office.do(requests.withdraw, office.bob, one)
    with pytest.raises(NotAllowed, match="request of Bea"):
        await office.do(requests.withdraw, office.olga, one)
    async with office.data.glance() as session:
        with pytest.raises(NotAllowed, match="workflow:view_all"):
            await list_requests(session, office.bob, scope=Scope.ALL)


async def test_who_voted_still_sees_it(office: Office) -> None:
    await office.person("cora")
    one = await office.ask(words=f"user:{office.cora.user_id}")
    await office.approve(office.cora, one)
    await office.settle(one)
    await office.rows("UPDATE workflows SET audience = '{}' WHERE id = :id", id=one)
    assert (await office.view(office.cora, one)).row.status == "approved"
    assert await office.subjects(office.cora, Scope.DECIDED) == ["a day off"]


async def test_a_question_stops_the_clock_and_an_answer_starts_it(office: Office) -> None:
    one = await office.ask(priority=Priority.HIGH)
    await office.elapse(one, hours=3)
    with pytest.raises(Invalid, match="empty"):
        await office.do(decisions.ask_information, office.olga, one, question=" ")
    await office.do(decisions.ask_information, office.olga, one, question="which day?")
    with pytest.raises(Conflict, match="already"):
        await office.do(decisions.ask_information, office.otto, one, question="which?")
    view = await office.view(office.bea, one)
    assert (view.row.waiting_on, view.row.due_at, view.waits_for) == (WaitingOn.REQUESTER, None, "Bea, for an answer")
    assert await office.told("A question") == [("bea", "A question about a day off")]
    assert await office.subjects(office.olga) == []
    assert await office.subjects(office.olga, filter="state:information") == ["a day off"]
    await office.elapse(one, hours=20)
    await office.tick()
    assert await office.events(one) == ["requested", "information_asked"]
    async with office.data.transaction() as session:
        with pytest.raises(NotAllowed):
            await requests.give_information(session, office.olga, one, "any day")
    async with office.data.transaction() as session:
        await requests.give_information(session, office.bea, one, "Monday")
    row = (await office.view(office.bea, one)).row
    [now] = await office.rows("SELECT now() AS now")
    assert row.due_at is not None
    assert timedelta(minutes=59) < row.due_at - now.now < timedelta(minutes=61)
    assert await office.subjects(office.olga) == ["a day off"]
    async with office.data.transaction() as session:
        with pytest.raises(Conflict, match="nobody waits for an answer"):
            await requests.give_information(session, office.bea, one, "Monday")


async def test_editing_makes_votes_void(office: Office) -> None:
    one = await office.ask(quorum=2)
    await office.approve(office.olga, one)
    async with office.data.transaction() as session:
        with pytest.raises(NotAllowed):
            await requests.edit(session, office.olga, one, 1, {"what": "two"})
        with pytest.raises(Conflict, match="changed by Bea"):
            await requests.edit(session, office.bea, one, 7, {"what": "two"})
        await requests.edit(session, office.bea, one, 1, {"what": "two", "words": "role:admin"})
    row = await office.request(one)
    assert (row.version, row.subject, row.audience, row.quorum) == (2, "two", ["role:admin"], 1)
    assert await office.subjects(office.olga) == []
    await office.do(decisions.approve, office.ada, one, version=2)
    async with office.data.transaction() as session:
        with pytest.raises(Conflict, match="already approved by Ada"):
            await requests.edit(session, office.bea, one, 2, {"what": "three"})
    assert await office.events(one) == ["requested", "voted", "edited", "voted"]


async def test_withdrawing_ends_it_and_what_waits_for_it(office: Office) -> None:
    one, other = await office.ask(), await office.ask()
    await office.approve(office.olga, other)
    found = await office.do(requests.withdraw, office.bea, one, other, comment="no need")
    assert [each.done for each in found] == [True, False]
    assert "already approved by Olga" in found[1].message
    row = await office.request(one)
    assert (row.status, row.outcome, row.timer_at) == ("rejected", "withdrawn", None)
    assert await office.events(one) == ["requested", "withdrawn"]
    assert await office.tick() == 0


async def test_comments(office: Office) -> None:
    one = await office.ask()
    await office.do(requests.comment, office.bea, one, text="please")
    await office.do(requests.comment, office.otto, one, text="hm", version=99)
    events = (await office.view(office.bea, one)).events
    assert [(each.kind, each.actor, each.comment) for each in events[1:]] == [
        ("commented", "Bea", "please"),
        ("commented", "Otto", "hm"),
    ]
    with pytest.raises(Invalid, match="empty"):
        await office.do(requests.comment, office.bea, one, text=" ")
    with pytest.raises(NotFound):
        await office.do(requests.comment, office.bea, uuid4(), text="x")
    [found] = await office.rows("SELECT version FROM workflows")
    assert found.version == 1
