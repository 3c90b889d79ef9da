"""Deciding on a real database: four eyes, one winner, quorum, undo, and who may."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.workflows.rules import Scope, Vote
from datapulse_tui.workflows.service import decisions, requests
from datapulse_tui.workflows.views import Outcome
from tests.workflows.conftest import Office

SYSTEM = Actor(None, "operator:root@host", everything=True)


async def test_an_approval_is_provisional_then_final(office: Office) -> None:
    one = await office.ask(type="deed")
    assert await office.told("Bea asks") == [(nick, "Bea asks: a day off") for nick in ("ada", "olga", "otto")]
    [outcome] = await office.approve(office.olga, one, comment="have fun")
    assert (outcome.done, outcome.message) == (True, "approved")
    row = (await office.view(office.olga, one)).row
    assert (row.status, row.provisional, row.votes) == ("pending", Vote.APPROVE, 1)
    assert row.decided_by is not None
    assert row.decided_by.name == "Olga"
    assert row.cannot_decide.startswith("already approved by Olga at ")
    assert await office.told("Approved") == []
    assert await office.tick() == 0
    await office.settle(one)
    row = await office.request(one)
    assert (row.status, row.outcome, row.effect_state, row.approver_id) == (
        "approved", "approved", "waiting", office.olga.user_id,
    )  # fmt: skip
    assert (row.timer_at, row.final_at, row.resolved_at) == (None, None, None)
    assert row.decided_at is not None
    assert await office.events(one) == ["requested", "voted", "decided"]
    assert await office.audited(one) == ["workflow.requested", "workflow.voted_approve", "workflow.approved"]
    assert await office.told("Approved") == [("bea", "Approved: a day off")]
    [job] = await office.rows("SELECT task_name FROM procrastinate_jobs WHERE task_name LIKE 'workflows:%'")
    assert job.task_name == "workflows:effects"
    assert await office.tick() == 0


async def test_a_rejection_says_why_and_ends_it(office: Office) -> None:
    one = await office.ask(quorum=2)
    for why in ("", "  "):
        with pytest.raises(Invalid, match="says why"):
            await office.do(decisions.reject, office.olga, one, comment=why)
    await office.approve(office.otto, one)
    [outcome] = await office.do(decisions.reject, office.olga, one, comment="not now")
    assert outcome.message == "rejected"
    await office.settle(one)
    row = await office.request(one)
    assert (row.status, row.outcome, row.effect_state) == ("rejected", "rejected", "none")
    assert row.approver_id == office.olga.user_id
    assert row.resolved_at is not None
    [told] = await office.rows("SELECT payload->>'text' AS said FROM deliveries WHERE payload->>'title' LIKE 'Rej%'")
    assert told.said == "By Olga.\nnot now"


async def test_a_quorum_is_of_different_people(office: Office) -> None:
    one = await office.ask(quorum=2)
    [outcome] = await office.approve(office.olga, one)
    assert outcome.message == "approved; it needs 1 more"
    assert (await office.request(one)).final_at is None
    with pytest.raises(Conflict, match="you have voted on it already"):
        await office.approve(office.olga, one)
    assert await office.subjects(office.olga) == []
    assert await office.subjects(office.otto) == ["a day off"]
    [outcome] = await office.approve(office.otto, one)
    assert outcome.message == "approved"
    await office.settle(one)
    assert (await office.request(one)).status == "approved"


async def test_nobody_decides_their_own_request_or_one_about_them(office: Office) -> None:
    mine = await office.ask(office.olga)
    with pytest.raises(NotAllowed, match="your own request"):
        await office.approve(office.olga, mine)
    about = await office.ask(about=str(office.olga.user_id))
    with pytest.raises(NotAllowed, match="it is about you"):
        await office.approve(office.olga, about)
    assert await office.subjects(office.olga) == []
    assert [row.cannot_decide for row in await office.list(office.olga, Scope.MINE)] == ["it is your own request"]


async def test_who_was_too_late_hears_who_was_first(office: Office) -> None:
    one = await office.ask()
    await office.approve(office.olga, one)
    with pytest.raises(Conflict, match=r"#\d+ a day off: already approved by Olga at \d{4}-.* Nothing was changed"):
        await office.approve(office.otto, one)
    await office.settle(one)
    with pytest.raises(Conflict, match="already approved by Olga at"):
        await office.do(decisions.reject, office.otto, one, comment="no")
    gone = await office.ask()
    await office.do(requests.withdraw, office.bea, gone)
    with pytest.raises(Conflict, match="already withdrawn by Bea at"):
        await office.approve(office.otto, gone)


async def test_what_changed_since_it_was_seen_is_not_decided(office: Office) -> None:
    one = await office.ask(quorum=2)
    await office.approve(office.otto, one)
    async with office.data.transaction() as session:
        await requests.edit(session, office.bea, one, 1, {"what": "two days off", "quorum": 2})
    with pytest.raises(Conflict, match=r"changed by Bea at .* since you saw it"):
        await office.approve(office.olga, one)
    row = (await office.view(office.olga, one)).row
    assert (row.subject, row.version, row.votes) == ("two days off", 2, 0)
    await office.do(decisions.approve, office.otto, one, version=2)
    [vote] = await office.rows("SELECT version FROM workflow_votes WHERE retracted_at IS NULL")
    assert vote.version == 2


async def test_undo_takes_a_decision_back_for_ten_seconds(office: Office) -> None:
    one = await office.ask()
    await office.approve(office.olga, one)
    with pytest.raises(Conflict, match="already approved by Olga"):
        await office.do(decisions.undo, office.otto, one)
    await office.do(decisions.undo, office.olga, one)
    row = (await office.view(office.otto, one)).row
    assert (row.final_at, row.votes, row.cannot_decide) == (None, 0, "")
    assert await office.tick() == 1
    assert (await office.request(one)).timer_at > (await office.request(one)).created_at
    assert await office.events(one) == ["requested", "voted", "vote_retracted"]
    await office.do(decisions.reject, office.olga, one, comment="on second thought")
    await office.elapse(one, seconds=11)
    with pytest.raises(Conflict, match="more than 10 s ago"):
        await office.do(decisions.undo, office.olga, one)
    await office.tick()
    with pytest.raises(Conflict, match="already rejected by Olga"):
        await office.do(decisions.undo, office.olga, one)


async def test_undo_of_one_vote_of_a_quorum(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await office.ask(quorum=2)
    await office.approve(office.olga, one)
    await office.approve(office.otto, one)
    await office.do(decisions.undo, office.olga, one)
    row = (await office.view(office.olga, one)).row
    assert (row.final_at, row.votes, row.provisional) == (None, 1, None)
    await office.do(decisions.reject, office.olga, one, comment="no")
    with pytest.raises(Conflict, match="already rejected by Olga"):
        await office.do(decisions.undo, office.otto, one)
    other = await office.ask(quorum=2)
    with pytest.raises(Conflict, match="you have not voted"):
        await office.do(decisions.undo, office.olga, other)
    await office.approve(office.olga, other)
    monkeypatch.setattr(decisions, "PROVISIONAL", decisions.PROVISIONAL * 0)
    with pytest.raises(Conflict, match="ago, and stands"):
        await office.do(decisions.undo, office.olga, other)


async def test_who_may(office: Office) -> None:
    for name in ("ann", "cora", "carl"):
        await office.person(name, "analyst")
    await office.custom_role("clerks", office.cora, "workflow:decide")
    await office.custom_role("admin", office.cora)  # has the name of a built-in one, and is none
    await office.custom_role("readers", office.carl, "audit:view")
    sql = "INSERT INTO departments (name, head_id) VALUES ('D', :head) RETURNING id"
    [dept] = await office.rows(sql, head=office.bob.user_id)
    ann, head = f"user:{office.ann.user_id}", f"head:{dept.id}"
    table: dict[str, dict[str, type[DataPulseError] | None]] = {
        "permission:workflow:decide": {"ann": NotFound, "carl": NotFound, "bob": NotFound, "cora": None, "ada": None},
        "role:ops_manager": {"ann": NotFound, "cora": NotFound, "ada": None, "olga": None},
        "role:admin": {"cora": NotFound, "olga": NotAllowed, "ada": None},
        "permission:dashboard:manage": {"olga": NotAllowed, "ada": None},
        "role:analyst": {"ann": NotFound, "otto": None},
        "role:clerks": {"ann": NotFound, "ada": NotAllowed, "cora": None},
        "role:readers": {"carl": NotFound},
        ann: {"cora": NotFound, "ada": NotAllowed, "ann": None},
        head: {"ann": NotFound, "bob": None},
    }
    for words, people in table.items():
        one = await office.ask(what=words, words=words, quorum=3)
        for nick, error in people.items():
            who = await office.again(nick)
            assert (words in await office.subjects(who)) == (error is None), (nick, words)
            if error is None:
                await office.approve(who, one)
                continue
            with pytest.raises(error):
                await office.approve(who, one)


async def test_authority_is_checked_when_it_is_used(office: Office) -> None:
    """Whatever the person was when the list was drawn."""
    one = await office.ask()
    [row] = await office.list(office.olga)
    assert row.cannot_decide == ""
    await office.rows("UPDATE users SET role = 'analyst' WHERE id = :id", id=office.olga.user_id)
    with pytest.raises(NotAllowed):
        await office.approve(office.olga, one)
    await office.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=office.otto.user_id)
    with pytest.raises((NotAllowed, NotFound)):
        await office.approve(office.otto, one)
    assert await office.rows("SELECT 1 FROM workflow_votes") == []


TAKING_AWAY = {
    "own role": "UPDATE users SET role = 'analyst' WHERE name = 'Olga'",
    "own account": "UPDATE users SET status = 'inactive' WHERE name = 'Olga'",
    "principal's role": "UPDATE users SET role = 'analyst' WHERE name = 'Ada'",
    "delegation": "UPDATE delegations SET ended_at = now()",
    "custom role": "DELETE FROM user_roles",
    "permission of a role": "UPDATE roles SET permissions = '[]'",
    "head of a department": "UPDATE departments SET head_id = NULL",
}


@pytest.mark.parametrize("what", TAKING_AWAY)
async def test_a_right_that_is_being_taken_away_is_waited_for(office: Office, what: str) -> None:
    """The decision waits for whoever takes it away, and then is refused."""
    who, words = office.olga, "permission:workflow:decide"
    if what in ("principal's role", "delegation"):
        await office.delegation(office.ada, office.olga)
        words = "role:admin"
    elif what in ("custom role", "permission of a role"):
        await office.custom_role("clerks", await office.person("cora", "analyst"), "workflow:decide")
        who = await office.again("cora")
    elif what == "head of a department":
        who = office.bob
        await office.rows("INSERT INTO departments (name, head_id) VALUES ('D', :who)", who=who.user_id)
        [dept] = await office.rows("SELECT id FROM departments")
        words = f"head:{dept.id}"
    one = await office.ask(words=words)
    assert await office.subjects(who) == ["a day off"]
    async with office.other() as there, there.data.transaction() as session:
        await session.execute(text(TAKING_AWAY[what]))
        waiting = asyncio.create_task(office.approve(who, one))
        await _wait_for_lock(there)
        assert not waiting.done()
    with pytest.raises((NotAllowed, NotFound)):
        await waiting
    assert await office.rows("SELECT 1 FROM workflow_votes") == []


async def test_a_right_that_is_used_is_not_taken_away_meanwhile(office: Office) -> None:
    one = await office.ask()
    async with office.data.transaction() as session:
        await decisions.approve(session, office.olga, [(one, 1)])
        async with office.other() as there:
            demote = asyncio.create_task(there.rows(TAKING_AWAY["own role"]))
            await _wait_for_lock(there)
            assert not demote.done()
            await session.commit()
            await demote
    assert (await office.request(one)).final_at is not None


async def test_a_key_with_fewer_scopes_decides_with_those_alone(office: Office) -> None:
    one = await office.ask()
    key = Actor(office.olga.user_id, "Olga", frozenset({"workflow:comment", "workflow:view_all"}))
    with pytest.raises(NotAllowed, match="not one of those"):
        await office.approve(key, one)


async def test_operators_decide_nothing(office: Office) -> None:
    one = await office.ask()
    with pytest.raises(NotAllowed, match="only a person decides"):
        await office.approve(SYSTEM, one)
    with pytest.raises(NotAllowed, match="You act for nobody"):
        await office.do(decisions.undo, SYSTEM, one)
    with pytest.raises(NotFound):
        await office.approve(office.olga, uuid4())


async def test_many_at_once_come_back_itemised(office: Office) -> None:
    good = [await office.ask(what=f"good {n}") for n in range(2)]
    own, taken, hidden = await office.ask(office.olga), await office.ask(), uuid4()
    await office.approve(office.otto, taken)
    found = await office.approve(office.olga, good[0], own, taken, hidden, good[1])
    assert [(each.done, each.message.split(" at ")[0]) for each in found] == [
        (True, "approved"),
        (False, "it is your own request"),
        (False, "already approved by Otto"),
        (False, "there is no such request, or you may not see it"),
        (True, "approved"),
    ]
    assert found[0].subject.endswith(" good 0")
    assert found[3].subject == ""


async def test_fifty_at_once_are_quick(office: Office) -> None:
    rounds, alone = [], []
    for _ in range(3):
        ids = [await office.ask() for _ in range(51)]
        for took, some in ((alone, ids[:1]), (rounds, ids[1:])):
            started = time.perf_counter()
            found = await office.approve(office.olga, *some)
            took.append(time.perf_counter() - started)
            assert all(each.done for each in found)
    assert min(rounds) < 15 * min(alone), (rounds, alone)  # one by one they would take fifty times as long


async def test_two_who_decide_at_once_have_one_winner(office: Office) -> None:
    async def attempt(there: Office, actor: Actor, one: UUID, *, against: bool) -> Outcome | DataPulseError:
        try:
            if against:
                return (await there.do(decisions.reject, actor, one, comment="no"))[0]
            return (await there.approve(actor, one))[0]
        except DataPulseError as error:
            return error

    async with office.other() as there:
        for number in range(10):
            one = await office.ask()
            found = await asyncio.gather(
                attempt(office, office.olga, one, against=False),
                attempt(there, office.otto, one, against=bool(number % 2)),
            )
            won = [each for each in found if isinstance(each, Outcome)]
            lost = [each for each in found if isinstance(each, DataPulseError)]
            assert len(won) == len(lost) == 1
            assert isinstance(lost[0], Conflict)
            assert "already" in lost[0].message
            assert len(await office.rows("SELECT 1 FROM workflow_votes WHERE workflow_id = :id", id=one)) == 1


async def test_a_quorum_of_two_at_the_same_instant_decides_once(office: Office) -> None:
    async with office.other() as there:
        ids = [await office.ask(quorum=2) for _ in range(5)]
        for one in ids:
            await asyncio.gather(office.approve(office.olga, one), there.approve(office.otto, one))
        await office.settle(*ids)
        for one in ids:
            assert (await office.events(one)).count("decided") == 1
            assert (await office.request(one)).status == "approved"


async def test_undo_and_the_clock_at_once(office: Office) -> None:
    """Either it was taken back, or it stands: never both."""
    async with office.other() as there:
        for _ in range(10):
            one = await office.ask()
            await office.approve(office.olga, one)
            await office.rows("UPDATE workflows SET final_at = now(), timer_at = now() WHERE id = :id", id=one)
            undone, _ = await asyncio.gather(
                office.do(decisions.undo, office.olga, one), there.tick(), return_exceptions=True
            )
            await office.tick()
            row = await office.request(one)
            live = await office.rows(
                "SELECT 1 FROM workflow_votes WHERE workflow_id = :id AND retracted_at IS NULL", id=one
            )
            assert (row.status == "approved") == isinstance(undone, Conflict) == bool(live)


async def test_undo_that_holds_the_row_comes_before_the_clock(office: Office) -> None:
    one = await office.ask()
    await office.approve(office.olga, one)
    async with office.data.transaction() as session:
        await decisions.undo(session, office.olga, [(one, 1)])
        async with office.other() as there:
            await there.rows("SELECT 1")
            assert await there.tick() == 0  # passes over what a person holds
    assert (await office.request(one)).status == "pending"


async def test_claims_are_seen_and_keep_nobody_from_deciding(office: Office) -> None:
    one = await office.ask()
    await office.do(decisions.claim, office.olga, one)
    with pytest.raises(Conflict, match="already claimed by Olga at"):
        await office.do(decisions.claim, office.otto, one)
    [row] = await office.list(office.otto, filter="assigned:olga")
    assert row.claimed_by is not None
    assert row.claimed_by.name == "Olga"
    with pytest.raises(NotAllowed, match="Olga who has claimed it"):
        await office.do(decisions.release, office.otto, one)
    await office.do(decisions.release, office.ada, one)
    with pytest.raises(Conflict, match="nobody has claimed"):
        await office.do(decisions.release, office.olga, one)
    await office.do(decisions.claim, office.otto, one)
    await office.approve(office.olga, one)


async def test_what_has_no_effect_is_completed_by_hand(office: Office) -> None:
    one, deed = await office.ask(), await office.ask(type="deed")
    with pytest.raises(Conflict, match="not decided yet"):
        await office.do(decisions.complete, office.olga, one)
    await office.approve(office.olga, one, deed)
    await office.settle(one, deed)
    assert (await office.request(one)).effect_state == "none"
    with pytest.raises(Conflict, match="by its effect"):
        await office.do(decisions.complete, office.olga, deed)
    with pytest.raises(NotAllowed):
        await office.do(decisions.complete, office.bea, one)
    await office.do(decisions.complete, office.otto, one)
    row = await office.request(one)
    assert row.status == "completed"
    assert row.resolved_at is not None
    assert await office.told("Done") == [("bea", "Done: a day off")]


async def _wait_for_lock(office: Office) -> None:
    async with office.other() as third, asyncio.timeout(10):
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while not await third.rows(waits):
            await third.rows("SELECT pg_sleep(0.01)")
