"""Making and changing rules on a real database: versions, resets, queries, the trail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, text, update

from datapulse_tui.alerts.applying import apply_all
from datapulse_tui.alerts.as_code import load
from datapulse_tui.alerts.episodes import Opening, open_many
from datapulse_tui.alerts.history import series_ids
from datapulse_tui.alerts.reads.rules import RuleDetail, get_rule, list_rules
from datapulse_tui.alerts.schemas import InvalidRule, check
from datapulse_tui.alerts.service import rules
from datapulse_tui.alerts.service.rules_queries import query_changed
from datapulse_tui.alerts.spec import RuleSpec
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.models.alerts import Alert, AlertEvaluation, AlertSeries
from datapulse_tui.data.models.audit import AuditLog
from datapulse_tui.data.models.incidents import AlertIncident, AlertSnooze
from datapulse_tui.data.models.notify import NotificationChannel
from datapulse_tui.data.models.people import Department, User
from datapulse_tui.data.models.sources import DataSourceGrant, Query
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.sources import service as sources_service
from tests.alerts.conftest import MakeQuery, MakeSource, MakeUser

LEAST: dict[str, Any] = {
    "name": "Errors", "query": "rates", "metric": "rate", "label_columns": ["region"], "threshold_type": "above",
    "threshold": 5,
}  # fmt: skip


def spec(**changes: Any) -> RuleSpec:
    return check({**LEAST, **changes})


@pytest.fixture
async def olga(make_user: MakeUser) -> Actor:
    """An ops manager."""
    return await make_user("olga")


@pytest.fixture
async def shop(make_source: MakeSource) -> UUID:
    """A source."""
    return await make_source(name="shop")


@pytest.fixture
async def rates(olga: Actor, shop: UUID, make_query: MakeQuery) -> UUID:
    """Olga's saved query."""
    return await make_query(olga, shop, "SELECT 'eu' AS region, 7.0 AS rate", "rates")


@pytest.fixture
async def rule(data: Database, olga: Actor, rates: UUID) -> UUID:
    """Olga's rule, with two series and an open incident of one of them."""
    async with data.transaction() as session:
        made = await rules.create(session, olga, spec())
    async with data.transaction() as session:
        now = datetime.now(UTC)
        ids = await series_ids(session, rates, "rate", [{"region": "eu"}, {"region": "us"}])
        for series_id, state in zip(ids.values(), ("firing", "normal"), strict=True):
            values = {"alert_id": made, "series_id": series_id, "state": state, "reason": "breach", "since": now}
            await session.execute(insert(AlertSeries).values(**values))
        first = next(iter(ids.values()))
        await open_many(session, [Opening(made, now, series_id=first, labels={"region": "eu"}, value=7.0)])
    return made


async def read(data: Database, actor: Actor, rule: UUID) -> RuleDetail:
    async with data.reading() as session:
        return await get_rule(session, actor, rule)


async def change(data: Database, actor: Actor, rule: UUID, **changes: Any) -> int:
    before = await read(data, actor, rule)
    async with data.transaction() as session:
        return await rules.update(session, actor, rule, before.row.version, spec(**changes))


async def incidents(data: Database, rule: UUID) -> list[tuple[str, str | None]]:
    async with data.reading() as session:
        rows = await session.execute(
            select(AlertIncident.status, AlertIncident.reason).where(AlertIncident.alert_id == rule)
        )
        return [(row.status, row.reason) for row in rows]


async def trail(data: Database, rule: UUID) -> list[tuple[str, dict[str, Any]]]:
    async with data.reading() as session:
        statement = select(AuditLog.action, AuditLog.details).where(AuditLog.resource_id == rule).order_by(AuditLog.seq)
        return [(row.action, row.details) for row in await session.execute(statement)]


async def evaluation(data: Database, rule: UUID) -> Any:
    async with data.reading() as session:
        statement = select(AlertEvaluation.__table__, func.now().label("now")).where(AlertEvaluation.alert_id == rule)
        return (await session.execute(statement)).one_or_none()


async def test_a_new_rule_is_active_and_due_within_a_minute(data: Database, olga: Actor, rates: UUID) -> None:
    async with data.transaction() as session:
        made = await rules.create(session, olga, spec(interval="1d", severity="critical"))
    detail = await read(data, olga, made)
    assert (detail.row.status, detail.row.owner.email, detail.row.version) == ("active", olga.email, 1)
    assert (detail.query_id, detail.row.query, detail.row.source) == (rates, "rates", "shop")
    assert detail.spec == spec(interval="1d", severity="critical", query=rates)
    due = await evaluation(data, made)
    assert due.now < due.next_at <= due.now + timedelta(seconds=60)
    assert (due.health, due.condition_version, due.lease_token) == ("unknown", 1, None)
    ((action, details),) = await trail(data, made)
    assert action == "alert.created"
    assert details["after"] == {**LEAST, "owner": olga.email, "severity": "critical", "interval": "1d"}


async def test_a_paused_rule_is_not_due(data: Database, olga: Actor, rates: UUID) -> None:
    async with data.transaction() as session:
        made = await rules.create(session, olga, spec(active=False))
    assert (await read(data, olga, made)).row.status == "inactive"
    assert await evaluation(data, made) is None


async def test_one_living_rule_of_a_name(data: Database, olga: Actor, rule: UUID) -> None:
    with pytest.raises(Conflict, match="Olga has a rule called Errors already"):
        async with data.transaction() as session:
            await rules.create(session, olga, spec())
    async with data.transaction() as session:
        await rules.create(session, olga, spec(name="Other"))
    with pytest.raises(Conflict, match="Olga has a rule called Other already"):
        await change(data, olga, rule, name="Other")
    async with data.transaction() as session:
        assert await rules.archive(session, olga, rule) == "Errors"
    async with data.transaction() as session:
        await rules.create(session, olga, spec())  # the name is free again


CONDITION: list[dict[str, Any]] = [
    {"metric": "other"}, {"label_columns": []}, {"threshold": 6}, {"threshold_type": "below"}, {"recovery": 4},
    {"for": "5m"}, {"keep_firing_for": "1m"}, {"threshold_type": "change_percent", "window": "2h"},
]  # fmt: skip
COSMETIC: list[dict[str, Any]] = [
    {"name": "Faults"}, {"description": "x"}, {"labels": {"team": "a"}}, {"runbook_url": "https://x.org"},
    {"message": "{value}"}, {"channels": [{"type": "email", "to": ["owner"]}]}, {"frequency": "digest"},
    {"severity": "critical"}, {"group_wait": "1m"}, {"window": "2h"}, {"no_data_policy": "normal"},
    {"error_policy": "keep_last"}, {"interval": "5m"},
    {"escalate_after": "5m", "escalation_channels": [{"type": "slack"}]},
]  # fmt: skip


async def test_an_edit_of_the_condition_starts_again(data: Database, olga: Actor, rule: UUID) -> None:
    worker = "UPDATE alert_evaluations SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute'"
    for number, changes in enumerate(CONDITION, 1):
        async with data.transaction() as session:
            await session.execute(text(worker))
        assert await change(data, olga, rule, **changes) == number + 1
        detail = await read(data, olga, rule)
        assert detail.condition_version == number + 1, changes
        due = await evaluation(data, rule)
        assert (due.condition_version, due.lease_token, due.health) == (number + 1, None, "unknown")
        assert all((each.state, each.reason, each.missed) == ("normal", "rule_changed", 0) for each in detail.series)
        assert await incidents(data, rule) == [("resolved", "rule_changed")]
    assert detail.row.status == "resolved"
    notes = [details.get("note") for _, details in await trail(data, rule)]
    assert notes[1] == {"condition": ["metric"]}


async def test_series_stay_where_only_the_threshold_changed(data: Database, olga: Actor, rule: UUID) -> None:
    await change(data, olga, rule, threshold=6)
    assert len((await read(data, olga, rule)).series) == 2
    await change(data, olga, rule, metric="other")
    assert (await read(data, olga, rule)).series == ()


async def test_an_edit_of_anything_else_resets_nothing(data: Database, olga: Actor, rule: UUID) -> None:
    for number, changes in enumerate(COSMETIC, 1):
        assert await change(data, olga, rule, **changes) == number + 1, changes
    detail = await read(data, olga, rule)
    assert (detail.condition_version, detail.row.status, detail.row.open_incidents) == (1, "triggered", 1)
    assert [each.state for each in detail.series] == ["firing", "normal"]
    assert (await evaluation(data, rule)).condition_version == 1


async def test_saving_what_is_there_already_writes_nothing(data: Database, olga: Actor, rule: UUID) -> None:
    assert await change(data, olga, rule) == 1
    assert await change(data, olga, rule, query="rates", channels=[]) == 1
    assert [action for action, _ in await trail(data, rule)] == ["alert.created"]


async def test_another_interval_is_scheduled_anew(data: Database, olga: Actor, rule: UUID) -> None:
    await change(data, olga, rule, interval="1h")
    due = await evaluation(data, rule)
    assert due.next_at.timestamp() % 60 == due.next_at.timestamp() % 3600 % 60
    assert due.now < due.next_at <= due.now + timedelta(hours=1)
    assert due.lease_token is None


async def test_two_people_edit_at_once(data: Database, olga: Actor, rule: UUID, make_user: MakeUser) -> None:
    root = await make_user("root", "admin")

    async def edit(actor: Actor, threshold: float) -> str:
        try:
            async with data.transaction() as session:
                await rules.update(session, actor, rule, 1, spec(threshold=threshold))
        except Conflict as error:
            return str(error)
        return "saved"

    outcomes = await asyncio.gather(edit(olga, 6), edit(root, 7))
    assert sorted(outcomes)[1] == "saved"
    winner, loser = ("Olga", 1) if outcomes[0] == "saved" else ("Root", 0)
    assert f"The rule Errors was changed by {winner} at 20" in outcomes[loser]
    assert "Your change was not saved." in outcomes[loser]
    assert (await read(data, olga, rule)).spec.threshold == (6 if winner == "Olga" else 7)


async def test_pause_and_resume(data: Database, olga: Actor, rule: UUID) -> None:
    async with data.transaction() as session:
        assert await rules.pause(session, olga, rule, version=1)
        assert not await rules.pause(session, olga, rule)
    detail = await read(data, olga, rule)
    assert (detail.row.status, detail.row.is_active, detail.row.version, detail.series) == ("inactive", False, 2, ())
    assert await incidents(data, rule) == [("resolved", "rule_paused")]
    assert await evaluation(data, rule) is None
    with pytest.raises(Conflict, match="was changed by Olga"):
        async with data.transaction() as session:
            await rules.resume(session, olga, rule, version=1)
    async with data.transaction() as session:
        assert await rules.resume(session, olga, rule, version=2)
    assert (await read(data, olga, rule)).row.status == "resolved"
    assert await evaluation(data, rule) is not None
    assert [action for action, _ in await trail(data, rule)][1:] == ["alert.paused", "alert.resumed"]
    await change(data, olga, rule, active=False)
    assert await evaluation(data, rule) is None
    await change(data, olga, rule, active=True)
    assert await evaluation(data, rule) is not None


async def test_an_archived_rule_keeps_its_history_and_is_shown_nowhere(data: Database, olga: Actor, rule: UUID) -> None:
    async with data.transaction() as session:
        until = func.now() + timedelta(hours=1)
        await session.execute(
            insert(AlertSnooze).values(alert_id=rule, kind="until_time", until=until, reason="deploy")
        )
    async with data.transaction() as session:
        await rules.archive(session, olga, rule, version=1)
    with pytest.raises(NotFound):
        await read(data, olga, rule)
    async with data.reading() as session:
        assert (await list_rules(session, olga)).items == ()
        assert await session.scalar(select(AlertSnooze.ended_at)) is not None
        assert await session.scalar(select(func.count()).select_from(AlertSeries)) == 0
        kept = (await session.execute(select(Alert.status, Alert.is_active, Alert.archived_at))).one()
    assert (kept.status, kept.is_active) == ("inactive", False)
    assert kept.archived_at is not None
    assert await incidents(data, rule) == [("resolved", "rule_archived")]
    action, details = (await trail(data, rule))[-1]
    assert (action, details["before"]["name"]) == ("alert.archived", "Errors")


async def test_a_copy_rests_and_is_the_copiers(
    data: Database, olga: Actor, rule: UUID, shop: UUID, make_user: MakeUser
) -> None:
    ben = await make_user("ben")
    with pytest.raises(NotAllowed, match="You may not query the source shop"):
        async with data.transaction() as session:
            await rules.copy(session, ben, rule)
    async with data.transaction() as session:
        await session.execute(insert(DataSourceGrant).values(data_source_id=shop, user_id=ben.user_id))
    async with data.transaction() as session:
        made = await rules.copy(session, ben, rule)
        again = await rules.copy(session, ben, rule)
    detail = await read(data, ben, made)
    assert (detail.row.name, detail.row.owner.name, detail.row.status) == ("Errors (copy)", "Ben", "inactive")
    assert detail.spec == spec(name="Errors (copy)", query=detail.query_id, active=False)
    assert (await read(data, ben, again)).row.name == "Errors (copy 2)"
    with pytest.raises(Invalid, match="1 to 255 characters on one line"):
        async with data.transaction() as session:
            await rules.copy(session, ben, rule, name="a\x1b[2J")


async def test_a_rule_changes_hands(data: Database, olga: Actor, rule: UUID, shop: UUID, make_user: MakeUser) -> None:
    root, ben = await make_user("root", "admin"), await make_user("ben")
    assert ben.user_id is not None
    with pytest.raises(NotAllowed, match="Ben may not query its source"):
        async with data.transaction() as session:
            await rules.set_owner(session, root, rule, ben.user_id)
    async with data.transaction() as session:
        await session.execute(insert(DataSourceGrant).values(data_source_id=shop, user_id=ben.user_id))
    async with data.transaction() as session:
        await session.execute(update(User).where(User.id == olga.user_id).values(status="inactive"))
    async with data.transaction() as session:
        assert await rules.set_owner(session, root, rule, ben.user_id, version=1)
        assert not await rules.set_owner(session, root, rule, ben.user_id)
    detail = await read(data, ben, rule)
    assert (detail.row.owner.name, detail.row.may_change, detail.condition_version) == ("Ben", True, 1)
    assert detail.row.version == 2
    assert [each.state for each in detail.series] == ["firing", "normal"]
    action, details = (await trail(data, rule))[-1]
    assert action == "alert.owner_set"
    assert details["after"] == {"owner": ben.email, "query": {"name": "rates", "owner": olga.email}}


async def test_the_rule_of_somebody_who_left(data: Database, olga: Actor, rule: UUID, make_user: MakeUser) -> None:
    root = await make_user("root", "admin")
    async with data.transaction() as session:
        await session.execute(update(User).where(User.id == olga.user_id).values(status="inactive"))
    assert await change(data, root, rule, labels={"team": "x"}) == 2  # what runs nothing in their name
    with pytest.raises(Invalid, match="has no active account"):
        async with data.transaction() as session:
            await rules.set_owner(session, root, rule, olga.user_id or uuid4())
            await rules.pause(session, root, rule)
            await rules.resume(session, root, rule)
    with pytest.raises(Invalid, match="has no active account"):
        async with data.transaction() as session:
            await rules.create(session, root, spec(name="New"), owner_id=olga.user_id)


# -- queries -----------------------------------------------------------------------------------------------------------

INLINE = {"source": "shop", "sql": "SELECT 'eu' AS region, 1 AS rate"}


async def test_sql_in_a_rule_becomes_the_owners_query(data: Database, olga: Actor, rates: UUID) -> None:
    async with data.transaction() as session:
        made = await rules.create(session, olga, spec(query=INLINE))
    detail = await read(data, olga, made)
    assert (detail.row.query, detail.query_owner, detail.query_sql) == ("Errors", olga.email, INLINE["sql"])
    assert await change(data, olga, made, query=INLINE) == 1
    with pytest.raises(InvalidRule, match=r"query\.name: there is a saved query called rates with another text"):
        await change(data, olga, made, query={**INLINE, "name": "rates"})
    with pytest.raises(InvalidRule, match=r"query\.sql: .*DELETE"):
        await change(data, olga, made, query={**INLINE, "sql": "DELETE FROM users"})
    with pytest.raises(InvalidRule, match=r"query\.sql: found the parameter :least, expected none but :from and :to"):
        await change(data, olga, made, query={**INLINE, "sql": "SELECT 1 AS rate WHERE 1 > :least"})
    with pytest.raises(InvalidRule, match=r"query\.source: There is no source called 'nowhere'"):
        await change(data, olga, made, query={**INLINE, "source": "nowhere"})
    await change(data, olga, made, query={**INLINE, "sql": "SELECT 'eu' AS region, 2 AS rate"})
    again = await read(data, olga, made)
    assert (again.query_id, again.condition_version) == (detail.query_id, 2)
    assert again.query_sql == "SELECT 'eu' AS region, 2 AS rate"


async def test_a_new_text_of_a_saved_query_starts_its_rules_again(data: Database, olga: Actor, rule: UUID) -> None:
    async with data.transaction() as session:
        found = (await session.execute(select(Query.id).where(Query.name == "rates"))).scalar_one()
        assert await query_changed(session, olga, found) == 1
        assert await query_changed(session, olga, uuid4()) == 0
    detail = await read(data, olga, rule)
    assert (detail.condition_version, detail.row.version, detail.series) == (2, 1, ())
    assert (await evaluation(data, rule)).condition_version == 2
    assert await incidents(data, rule) == [("resolved", "rule_changed")]
    assert (await trail(data, rule))[-1][0] == "alert.query_changed"


async def test_saving_a_query_tells_the_rules_that_watch_it(data: Database, olga: Actor, rule: UUID) -> None:
    """The way of `datapulse query save`: another text starts the rules again, the same text does not."""
    for sql in ("SELECT 1 AS value", "SELECT 1 AS value"):
        async with data.transaction() as session:
            await sources_service.save_query(session, olga, name="rates", sql=sql, source="shop")
        assert (await read(data, olga, rule)).condition_version == 2
    assert await incidents(data, rule) == [("resolved", "rule_changed")]


async def test_whose_rights_a_rule_runs_with(
    data: Database, olga: Actor, rates: UUID, shop: UUID, make_user: MakeUser, make_query: MakeQuery
) -> None:
    root, ben = await make_user("root", "admin"), await make_user("ben")
    meddler = await make_user("meddler")
    meddler = Actor(meddler.user_id, "Meddler", meddler.permissions | {"alert:manage"}, email=meddler.email)
    with pytest.raises(InvalidRule, match="expected a saved query that the rule's owner may see"):
        async with data.transaction() as session:
            await rules.create(session, ben, spec())
    with pytest.raises(NotAllowed, match="Ben may not query its source"):
        async with data.transaction() as session:
            await rules.create(session, root, spec(query=INLINE), owner_id=ben.user_id)
    # Somebody who manages rules but has no grant must not get at the source through its owner.
    with pytest.raises(NotAllowed, match="You may not query the source shop"):
        async with data.transaction() as session:
            await rules.create(session, meddler, spec(query=INLINE), owner_id=olga.user_id)
    async with data.transaction() as session:
        made = await rules.create(session, root, spec(query=INLINE), owner_id=olga.user_id)
    assert (await read(data, olga, made)).row.owner.name == "Olga"
    with pytest.raises(NotAllowed, match="You may not query the source shop"):
        await change(data, meddler, made, query={**INLINE, "sql": "SELECT 'eu' AS region, 9 AS rate"})
    assert await change(data, meddler, made, query=INLINE, severity="critical") == 2


async def test_an_operator_names_whose_rule_it_is(data: Database, olga: Actor, rates: UUID) -> None:
    operator = Actor(None, "operator:tester@here", everything=True)
    with pytest.raises(Invalid, match="A rule belongs to a person"):
        async with data.transaction() as session:
            await rules.create(session, operator, spec())
    async with data.transaction() as session:
        made = await rules.create(session, operator, spec(query=INLINE), owner_id=olga.user_id)
    async with data.reading() as session:
        saved = await session.execute(select(AuditLog.actor, AuditLog.user_id).where(AuditLog.action == "query.saved"))
        assert saved.all() == [("operator:tester@here", olga.user_id)]
    assert (await read(data, olga, made)).row.owner.email == olga.email


async def test_two_files_applied_at_once(data: Database, olga: Actor, rates: UUID) -> None:
    rule = "- {{name: R{0}, query: {{source: shop, sql: SELECT {0} AS n}}, metric: n, "
    rule += "threshold_type: above, threshold: 1}}\n"
    loaded = load(("rules:\n" + "".join(rule.format(n) for n in range(5))).encode(), "f.yaml")

    async def apply() -> str:
        try:
            async with data.transaction() as session:
                return ", ".join(each.outcome for each in await apply_all(session, olga, loaded))
        except Conflict as error:
            return str(error)

    outcomes = sorted(await asyncio.gather(apply(), apply()))
    assert outcomes[0] == ", ".join(["created"] * 5)
    assert outcomes[1].startswith(("f.yaml:2: R0: Olga saved a query called R0 at the same moment", "unchanged"))
    assert await apply() == ", ".join(["unchanged"] * 5)


# -- channels ----------------------------------------------------------------------------------------------------------


async def test_recipients_are_stored_by_id_and_shown_by_name(
    data: Database, olga: Actor, rates: UUID, make_user: MakeUser
) -> None:
    ben = await make_user("ben", "business_user")
    async with data.transaction() as session:
        floor = (
            await session.execute(insert(Department).values(name="Shop floor").returning(Department.id))
        ).scalar_one()
        room = (
            await session.execute(
                insert(NotificationChannel).values(name="ops room", type="slack").returning(NotificationChannel.id)
            )
        ).scalar_one()
    channels: list[dict[str, Any]] = [
        {"type": "email", "to": ["owner", " BEN@example.org", "role:ops_manager", "department:Shop floor",
                                 "address:Ops@Example.org"]},
        {"type": "slack", "channel": "ops room"},
    ]  # fmt: skip
    with pytest.raises(InvalidRule):
        spec(channels=channels)
    channels[0]["to"][1] = "BEN@example.org"
    async with data.transaction() as session:
        made = await rules.create(session, olga, spec(channels=channels))
        stored = await session.scalar(select(Alert.channels).where(Alert.id == made))
    assert stored == [
        {"type": "email", "channel": None, "to": [
            "owner", f"person:{ben.user_id}", "role:ops_manager", f"department:{floor}", "address:ops@example.org"]},
        {"type": "slack", "channel": str(room), "to": []},
    ]  # fmt: skip
    detail = await read(data, olga, made)
    shown = [(each.channel, each.to) for each in detail.spec.channels]
    assert shown == [
        (None, ["owner", "ben@example.org", "role:ops_manager", "department:Shop floor", "address:ops@example.org"]),
        ("ops room", []),
    ]
    assert await change(data, olga, made, channels=channels) == 1
    # What was chosen once stays when it is gone; it cannot be chosen anew.
    async with data.transaction() as session:
        await session.execute(text("DELETE FROM departments"))
        await session.execute(text("DELETE FROM notification_channels"))
    gone = (await read(data, olga, made)).spec
    assert gone.channels[0].to[3] == f"department:{floor}"
    async with data.transaction() as session:
        assert await rules.update(session, olga, made, 1, gone.model_copy(update={"description": "x"})) == 2
    with pytest.raises(InvalidRule) as caught:
        await change(data, olga, made, channels=[*channels, {"type": "email", "to": ["x@y.z", "role:nobody"]}])
    assert [str(each) for each in caught.value.problems] == [
        'channels[0].to[3]: found "department:Shop floor", expected somebody, a role or a department that is there',
        'channels[1].channel: found "ops room", expected the name of a channel of type slack',
        'channels[2].to[0]: found "x@y.z", expected somebody, a role or a department that is there',
        'channels[2].to[1]: found "role:nobody", expected somebody, a role or a department that is there',
    ]
