"""What Today reads: whose incidents, in which order, and which metrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from datapulse_tui.alerts import history
from datapulse_tui.alerts.reads import today
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import NotAllowed
from datapulse_tui.people.service import set_preference
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser

SOON = datetime.now(UTC) + timedelta(hours=2)

OPEN = """
WITH snooze AS (
    INSERT INTO alert_snoozes (alert_id, kind, until, reason)
    SELECT :alert, 'until_time', now() + interval '3 h', 'quiet' WHERE :status = 'snoozed' RETURNING id
)
INSERT INTO alert_incidents (alert_id, series_id, title, severity, opened_at, escalate_at, status, assigned_to,
    resolved_at, snooze_id)
SELECT :alert, :series, :title, :severity, now(), now() + CAST(:minutes AS int) * interval '1 min', :status, :who,
    CASE WHEN :status = 'resolved' THEN now() END, (SELECT id FROM snooze)
RETURNING id
"""


class World:
    """A rule of Olga's with a series; `open` opens incidents of it, which are meant for `told`."""

    def __init__(self, data: Database, owner: Actor, rule: Any, query: Any) -> None:
        self.data, self.owner, self.rule, self.query = data, owner, rule, query

    async def series(self, name: str) -> int:
        async with self.data.transaction() as session:
            (found,) = (await history.series_ids(session, self.query, "value", [{"host": name}])).values()
            await history.write_samples(session, datetime.now(UTC), [(found, 12.5)])
        return found

    async def open(
        self,
        title: str,
        minutes: int | None = None,
        *,
        severity: str = "warning",
        status: str = "triggered",
        who: Actor | None = None,
        told: tuple[Actor, ...] = (),
    ) -> int:
        series = await self.series(title)
        values = {
            "alert": self.rule, "series": series, "title": title, "minutes": minutes, "severity": severity,
            "status": status, "who": who.user_id if who else None,
        }  # fmt: skip
        async with self.data.transaction() as session:
            made = (await session.execute(text(OPEN), values)).scalar_one()
            for each in told:
                notice = "INSERT INTO alert_notifications (alert_id, user_id, incident_id) VALUES (:alert, :user, :id)"
                await session.execute(text(notice), {"alert": self.rule, "user": each.user_id, "id": made})
        return series

    async def titles(self, actor: Actor) -> list[str]:
        async with self.data.glance() as session:
            return [need.row.title for need in await today.needs(session, actor)]


@pytest.fixture
async def world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    owner = await make_user("olga")
    query = await make_query(owner, await make_source())
    return World(data, owner, await make_rule(owner, query), query)


async def test_the_first_to_breach_comes_first_then_severity(world: World) -> None:
    await world.open("later", 60)
    await world.open("soon", 5, severity="info")
    await world.open("never critical", severity="critical")
    await world.open("never info", severity="info")
    await world.open("asleep", status="snoozed")
    await world.open("over", status="resolved")
    assert await world.titles(world.owner) == ["soon", "later", "never critical", "never info"]


async def test_one_sees_what_one_has_or_may_take(world: World, make_user: MakeUser) -> None:
    bea, ben = await make_user("bea", "business_user"), await make_user("ben")
    await world.open("told and free", told=(bea,))
    await world.open("told and taken", told=(bea,), who=ben)
    await world.open("hers", who=bea)
    await world.open("of others")
    assert sorted(await world.titles(bea)) == ["hers", "told and free"]
    assert sorted(await world.titles(ben)) == ["of others", "told and free", "told and taken"]
    async with world.data.glance() as session:
        needs = await today.needs(session, ben)
    assert {need.row.title: need.mine for need in needs}["told and taken"]


async def test_who_may_only_look_may_take_nothing(world: World, make_user: MakeUser) -> None:
    ana = await make_user("ana", "business_user")
    looker = Actor(ana.user_id, ana.label, frozenset({"alert:view"}))
    await world.open("told and free", told=(looker,))
    assert await world.titles(looker) == []
    with pytest.raises(NotAllowed):
        await world.titles(Actor(ana.user_id, ana.label, frozenset()))


async def test_pins_are_of_whom_they_are_and_hide_what_one_may_no_longer_see(world: World, make_user: MakeUser) -> None:
    bea = await make_user("bea", "business_user")
    mine, other = await world.open("mine", told=(bea,)), await world.open("other")
    async with world.data.transaction() as session:
        assert await today.may_pin(session, bea, mine)
        assert not await today.may_pin(session, bea, other)
        for series in (mine, other, 999_999):
            await set_preference(session, bea, today.pin_key(series), True)
        await set_preference(session, bea, f"{today.PIN_PREFIX}nonsense", True)
    async with world.data.glance() as session:
        assert await today.pinned(session, bea) == {mine, other}
        (pin,) = await today.pins(session, bea)
        assert (pin.series_id, pin.labels, pin.values, pin.rule_id) == (mine, {"host": "mine"}, (12.5,), world.rule)
        assert not pin.firing
        assert await today.pins(session, world.owner) == ()


async def test_troubles_are_those_of_sources_that_one_may_see(
    world: World, make_user: MakeUser, make_source: MakeSource
) -> None:
    await make_source(name="broken", status="error", meta={"problem": "no route"})
    bea = await make_user("bea", "business_user")
    async with world.data.glance() as session:
        assert await today.troubles(session, world.owner) == (today.Trouble("broken", "no route"),)
        assert await today.troubles(session, bea) == ()
        watched = await today.watched(session, SOON)
    assert (watched.sources, watched.rules, watched.ending, watched.failed) == (True, 1, False, False)
