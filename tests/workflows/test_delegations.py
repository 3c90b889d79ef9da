"""Standing in: for somebody who is away, and for a single item; and what happens to a right meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.feed.messages import CHANNEL, decode
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.workflows import jobs as jobs_of_workflows
from datapulse_tui.workflows.reads.delegations import list_delegations, substitutes
from datapulse_tui.workflows.service import decisions, delegations, requests
from datapulse_tui.workflows.views import Share
from tests.databases import dsn
from tests.workflows.conftest import ADMINS, Office

NOW = datetime.now(UTC)
WEEK = (NOW - timedelta(minutes=1), NOW + timedelta(days=7))


async def delegate_absence(office: Office, actor: Actor, away: Actor, to: Actor, *types: str, **more: Any) -> UUID:
    async with office.data.transaction() as session:
        assert away.user_id is not None
        assert to.user_id is not None
        times = more.pop("times", WEEK)
        return await delegations.create(session, actor, away.user_id, to.user_id, times, types, **more)


async def plan(office: Office, away: Actor, to: Actor, *types: str) -> tuple[Share, ...]:
    async with office.data.glance() as session:
        assert away.user_id is not None
        assert to.user_id is not None
        return await delegations.plan(session, away, away.user_id, to.user_id, WEEK, types)


async def test_a_substitute_decides_in_the_name_of_who_is_away(office: Office) -> None:
    one = await office.ask(words=ADMINS)
    own, away_s = await office.ask(office.olga, words=ADMINS, what="own"), await office.ask(office.ada, what="of ada")
    assert {each.row.subject: each.refused for each in await plan(office, office.ada, office.olga)} == {
        "a day off": "",
        "own": "it is Olga's own request",
    }
    made = await delegate_absence(office, office.ada, office.ada, office.olga, reason="holidays")
    assert await office.told("You stand in") == [("olga", "You stand in for Ada")]
    assert await office.told("Olga stands in") == [("ada", "Olga stands in for you")]
    [row] = await office.list(office.olga, filter="day")
    assert row.standing_in_for is not None
    assert row.standing_in_for.name == "Ada"
    with pytest.raises(NotAllowed, match="your own request"):
        await office.approve(office.olga, own)
    await office.approve(office.olga, one, away_s)  # what ada asks olga decides by her own right
    votes = await office.rows("SELECT workflow_id, actor_id, principal_id FROM workflow_votes")
    assert {row.workflow_id: (row.actor_id, row.principal_id) for row in votes} == {
        one: (office.olga.user_id, office.ada.user_id),
        away_s: (office.olga.user_id, office.olga.user_id),
    }
    [voted] = [each for each in (await office.view(office.ada, one)).events if each.kind == "voted"]
    assert (voted.actor, voted.in_name_of) == ("Olga", "Ada")
    [kept] = await office.rows(
        "SELECT details->'note'->>'in_name_of' AS name FROM audit_logs "
        "WHERE action = 'workflow.voted_approve' AND resource_id = :id",
        id=one,
    )
    assert kept.name == "Ada"
    with pytest.raises(Conflict, match="already approved by Olga"):
        await office.approve(office.ada, one)
    async with office.data.transaction() as session:
        await delegations.end(session, office.olga, made)
    assert await office.told("No longer: you") == [("olga", "No longer: you stand in for Ada")]
    other = await office.ask(words=ADMINS)
    with pytest.raises(NotAllowed, match="not one of those"):
        await office.approve(office.olga, other)


async def test_a_substitute_never_decides_for_the_requester(office: Office) -> None:
    """Not their own request through another's right, nor the principal's through the principal's."""
    await office.delegation(office.ada, office.olga)
    own = await office.ask(office.olga, words=ADMINS)
    principal_s = await office.ask(office.ada, words=ADMINS)
    with pytest.raises(NotAllowed, match="your own request"):
        await office.approve(office.olga, own)
    with pytest.raises(NotAllowed, match="somebody for whom you stand in"):
        await office.approve(office.olga, principal_s)
    assert await office.list(office.olga) == []


async def test_only_named_types_and_only_in_time(office: Office) -> None:
    deed, favour = await office.ask(type="deed", words=ADMINS, what="deed"), await office.ask(words=ADMINS)
    await office.delegation(office.ada, office.olga, "deed")
    await office.rows("UPDATE delegations SET starts_at = starts_at - interval '2 d', ends_at = now() + interval '1 s'")
    assert await office.subjects(office.olga) == ["deed"]
    assert [share.row.subject for share in await plan(office, office.ada, office.olga, "deed")] == ["deed"]
    with pytest.raises(NotAllowed):
        await office.approve(office.olga, favour)
    await office.rows("UPDATE delegations SET ends_at = now() - interval '1 s'")
    with pytest.raises(NotAllowed):
        await office.approve(office.olga, deed)


async def test_a_principal_who_is_deactivated_lends_nothing(office: Office) -> None:
    await office.delegation(office.ada, office.olga)
    one = await office.ask(words=ADMINS)
    assert await office.subjects(office.olga) == ["a day off"]
    await office.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=office.ada.user_id)
    assert await office.subjects(office.olga) == []
    with pytest.raises(NotAllowed, match="not one of those"):
        await office.approve(office.olga, one)


async def test_one_principal_votes_once(office: Office) -> None:
    await office.delegation(office.ada, office.olga)
    one = await office.ask(words=ADMINS, quorum=2)
    await office.approve(office.olga, one)
    with pytest.raises(Conflict, match="you have voted on it already"):
        await office.approve(office.ada, one)
    other = await office.ask(words=ADMINS, quorum=2)
    await office.approve(office.ada, other)
    with pytest.raises(Conflict, match="Ada, for whom you stand in, has voted"):
        await office.approve(office.olga, other)


async def test_standing_in_is_not_handed_on(office: Office) -> None:
    await office.delegation(office.ada, office.olga)
    await office.delegation(office.olga, office.otto)
    one = await office.ask(words=ADMINS)
    with pytest.raises(NotAllowed):
        await office.approve(office.otto, one)


async def test_what_cannot_be_delegated(office: Office) -> None:
    make = delegate_absence
    with pytest.raises(NotAllowed, match="workflow:delegate"):
        await make(office, office.bea, office.bea, office.olga)
    with pytest.raises(NotAllowed, match="workflow:manage"):
        await make(office, office.olga, office.otto, office.olga)
    with pytest.raises(Invalid, match="for themselves"):
        await make(office, office.olga, office.olga, office.olga)
    with pytest.raises(Invalid, match="Bea may not decide"):
        await make(office, office.olga, office.olga, office.bea)
    with pytest.raises(Invalid, match="ends after it begins"):
        await make(office, office.olga, office.olga, office.otto, times=WEEK[::-1])
    with pytest.raises(Invalid, match="not in the past"):
        await make(office, office.olga, office.olga, office.otto, times=(NOW - timedelta(2), NOW - timedelta(1)))
    with pytest.raises(Invalid, match="no type of request called 'x'"):
        await make(office, office.olga, office.olga, office.otto, "x")
    await make(office, office.ada, office.olga, office.otto, "deed")
    with pytest.raises(Conflict, match="Otto stands in for Olga already"):
        await make(office, office.olga, office.olga, office.ada)
    await make(office, office.olga, office.olga, office.ada, "favour")
    await office.rows("UPDATE users SET status = 'inactive' WHERE id = :id", id=office.otto.user_id)
    with pytest.raises(Invalid, match="no active account"):
        await make(office, office.ada, office.ada, office.otto)


async def test_the_list_of_delegations(office: Office) -> None:
    made = await delegate_absence(office, office.olga, office.olga, office.otto)
    async with office.data.glance() as session:
        [row] = await list_delegations(session, office.otto)
        assert (row.id, row.principal.name, row.substitute.name, row.may_end) == (made, "Olga", "Otto", True)
        assert await list_delegations(session, office.bob) == ()
        assert len(await list_delegations(session, office.ada)) == 1
        assert [each.name for each in await substitutes(session, office.olga, "o")] == ["Otto"]
        assert [each.name for each in await substitutes(session, office.olga)] == ["Ada", "Otto"]
    async with office.data.transaction() as session:
        with pytest.raises(NotFound):
            await delegations.end(session, office.bob, made)
        await delegations.end(session, office.ada, made)
        with pytest.raises(Conflict, match="is over since"):
            await delegations.end(session, office.olga, made)
    async with office.data.glance() as session:
        assert await list_delegations(session, office.olga) == ()
        [over] = await list_delegations(session, office.olga, over=True)
        assert over.may_end is False


async def give(office: Office, actor: Actor, one: UUID, to: Actor, **more: Any) -> None:
    await office.do(decisions.delegate, actor, one, user_id=to.user_id, **more)


async def test_one_item_is_given_to_somebody_with_the_right(office: Office) -> None:
    one = await office.ask()
    await give(office, office.olga, one, office.otto, comment="yours")
    row = (await office.view(office.otto, one)).row
    assert row.assignee is not None
    assert (row.assignee.name, row.standing_in_for) == ("Otto", None)
    assert await office.subjects(office.otto, filter="assigned:me") == ["a day off"]
    assert (await office.request(one)).audience == ["permission:workflow:decide"]
    assert ("otto", "a day off") in await office.told("a day")
    with pytest.raises(Conflict, match="Otto has it already"):
        await give(office, office.olga, one, office.otto)
    await office.approve(office.otto, one)
    [vote] = await office.rows("SELECT principal_id FROM workflow_votes")
    assert vote.principal_id == office.otto.user_id


async def test_one_item_is_given_to_somebody_who_then_decides_in_the_giver_s_name(office: Office) -> None:
    one = await office.ask(words=ADMINS)
    await give(office, office.ada, one, office.olga)
    [row] = await office.list(office.olga)
    assert row.standing_in_for is not None
    assert (row.standing_in_for.name, row.cannot_decide) == ("Ada", "")
    await give(office, office.olga, one, office.otto)  # on in the name of Ada
    assert await office.list(office.olga) == []
    assert (await office.request(one)).audience == [ADMINS, f"user:{office.otto.user_id}"]
    with pytest.raises(NotAllowed):
        await office.approve(office.olga, one)
    await office.rows("UPDATE users SET role = 'ops_manager' WHERE id = :id", id=office.ada.user_id)
    with pytest.raises(NotAllowed, match="not one of those"):
        await office.approve(office.otto, one)
    await office.rows("UPDATE users SET role = 'admin' WHERE id = :id", id=office.ada.user_id)
    await office.approve(office.otto, one)
    [vote] = await office.rows("SELECT actor_id, principal_id FROM workflow_votes")
    assert (vote.actor_id, vote.principal_id) == (office.otto.user_id, office.ada.user_id)
    with pytest.raises(Conflict, match="already approved by Otto"):
        await office.approve(office.ada, one)


async def test_an_item_is_not_given_to_everybody(office: Office) -> None:
    one, of_otto = await office.ask(), await office.ask(office.otto)
    for to, error, words in (
        (office.bea, NotAllowed, "a request of Bea"),
        (office.bob, NotAllowed, "Bob may not decide"),
        (office.olga, Invalid, "Claim it instead"),
    ):
        with pytest.raises(error, match=words):
            await give(office, office.olga, one, to)
    with pytest.raises(NotAllowed, match="a request of Otto"):
        await give(office, office.olga, of_otto, office.otto)
    with pytest.raises(NotAllowed):
        await give(office, office.bea, one, office.otto)
    hers = await office.ask(office.ada, words=f"user:{office.otto.user_id}")
    with pytest.raises(NotAllowed, match="Olga is not one of those"):
        await give(office, office.ada, hers, office.olga)
    async with office.data.transaction() as session:
        await requests.edit(session, office.bea, one, 1, {"what": "two days"})
    assert (await office.request(one)).approver_id is None


async def test_open_desks_hear_of_what_begins_or_ends_by_the_clock(office: Office, database_url: str) -> None:
    times = (NOW + timedelta(hours=1), NOW + timedelta(hours=2))
    made = await delegate_absence(office, office.ada, office.ada, office.olga, times=times)
    jobs = await office.rows(
        "SELECT args->>'delegation' AS delegation, scheduled_at FROM procrastinate_jobs WHERE task_name = :name "
        "ORDER BY scheduled_at",
        name=delegations.TURNED,
    )
    assert [(job.delegation, job.scheduled_at) for job in jobs] == [(str(made), each) for each in times]
    assert f"workflows:{jobs_of_workflows.tell_of_delegation.name.rpartition(':')[2]}" == delegations.TURNED
    with psycopg.connect(dsn(database_url), autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        async with office.data.transaction() as session:
            await delegations.turned(session, made)
        heard = [decode(each.payload) for each in listener.notifies(timeout=5, stop_after=2)]
    assert {topic for topic, *_ in heard} == {"delegations", "workflows"}
