"""The inbox read from a real database: order, pages, filters, who sees what, counts, and the detail."""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.alerts.filters import InvalidFilter
from datapulse_tui.alerts.reads.counts import badge, count
from datapulse_tui.alerts.reads.incidents import Order, get_incident, list_incidents, sparklines
from datapulse_tui.alerts.reads.snoozes import list_snoozes
from datapulse_tui.alerts.service import triage
from datapulse_tui.alerts.views import IncidentRow
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.glance import Glance
from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser
from tests.alerts.inbox_world import World, make_world


@pytest.fixture
async def world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    return await make_world(data, make_user, make_source, make_query, make_rule)


async def inbox(world: World, filter: str = "", actor: Actor | None = None, **more: Any) -> list[IncidentRow]:
    async with world.data.reading() as session:
        return list((await list_incidents(session, actor or world.olga, filter=filter, **more)).items)


async def hosts(world: World, filter: str, actor: Actor | None = None) -> str:
    return " ".join(sorted(row.labels["host"] for row in await inbox(world, filter, actor)))


async def pages(world: World, order: Order, limit: int, filter: str = "") -> list[IncidentRow]:
    found: list[IncidentRow] = []
    after = None
    while True:
        async with world.data.reading() as session:
            page = await list_incidents(session, world.olga, filter=filter, order=order, after=after, limit=limit)
        found += page.items
        after = page.next
        if after is None:
            return found


async def test_the_row_says_what_the_inbox_needs(world: World) -> None:
    [one] = await world.open("a", value=12.5)
    [row] = await inbox(world)
    assert (row.id, row.number, row.version) == (one, 1, 1)
    assert (row.rule, row.title, row.labels) == ("checkout errors", "checkout errors: host=a", {"host": "a"})
    assert (row.severity, row.status, row.kind) == ("critical", "triggered", "threshold")
    assert (row.start_value, row.value_now, row.firing, row.may_triage) == (12.5, 12.5, True, True)
    assert row.held_by is None
    async with world.data.transaction() as session:
        await triage.acknowledge(session, world.otto, [(one, 1)])
    [row] = await inbox(world)
    assert row.held_by is not None
    assert row.held_by.email == "otto@example.org"


async def test_every_order_pages_through_everything_once(world: World) -> None:
    rules = [await world.make_rule(world.olga, world.query, severity=each) for each in ("info", "warning", "critical")]
    for number, rule in enumerate(itertools.islice(itertools.cycle(rules), 24)):
        await world.open(f"h{number}", rule=rule)
    await world.rows("UPDATE alert_incidents SET opened_at = now() - (number % 5) * interval '1 min'")
    keys: dict[Order, Any] = {
        "severity": lambda row: (
            ("critical", "warning", "info").index(row.severity),
            -row.opened_at.timestamp(),
            row.id,
        ),
        "newest": lambda row: (-row.opened_at.timestamp(), row.id),
        "oldest": lambda row: (row.opened_at.timestamp(), -row.id.int),
    }
    for order, key in keys.items():
        found = await pages(world, order, 5)
        assert len({row.id for row in found}) == len(found) == 24
        assert found == sorted(found, key=key)
        assert [row.id for row in await pages(world, order, 24)] == [row.id for row in found]
    assert len(await pages(world, "severity", 3, "severity:warning,info")) == 16


async def test_those_of_one_rule_are_found_whatever_others_are_called(world: World) -> None:
    same_name = [await world.make_rule(world.olga, world.query, name=f"Load {word}") for word in ("", "on the left")]
    for number, rule in enumerate(itertools.islice(itertools.cycle(same_name), 6)):
        await world.open(f"h{number}", rule=rule)
    async with world.data.reading() as session:
        page = await list_incidents(session, world.olga, order="newest", alert_id=same_name[0], limit=2)
        more = await list_incidents(session, world.olga, order="newest", alert_id=same_name[0], after=page.next)
    assert [row.alert_id for row in (*page.items, *more.items)] == [same_name[0]] * 3
    assert more.next is None


async def test_a_cursor_of_another_order_is_refused(world: World) -> None:
    await world.open("a", "b")
    async with world.data.reading() as session:
        page = await list_incidents(session, world.olga, order="severity", limit=1)
        for after in (page.next, "nonsense", "W10"):
            with pytest.raises(Invalid, match="cursor"):
                await list_incidents(session, world.olga, order="newest", after=after)


async def test_each_field_finds_what_it_says(world: World, make_user: MakeUser) -> None:
    [ops] = await world.rows("INSERT INTO departments (name) VALUES ('Web Operations') RETURNING id")
    await world.rows("UPDATE users SET department_id = :d WHERE id = :id", d=ops.id, id=world.olga.user_id)
    disk = await world.make_rule(world.otto, world.query, name="disk 100%_full", severity="warning")
    a, b, c = await world.open("a", "b", "c")
    await world.open("d", rule=disk)
    await world.rows("UPDATE alert_incidents SET opened_at = now() - interval '3 h' WHERE id = :id", id=c)
    async with world.data.transaction() as session:
        await triage.acknowledge(session, world.otto, [(a, 1)])
        await triage.assign(session, world.olga, [(b, 1)], world.bea.user_id)
        await triage.resolve(session, world.olga, [(c, 1)])
    numbers = {row.id: row.number for row in await inbox(world, "state:any")}
    expected = {
        "": "a b d",
        "state:any": "a b c d",
        "state:resolved": "c",
        "state:triggered": "b d",
        "state:acknowledged,resolved": "a c",
        "-state:acknowledged": "b d",
        "severity:critical": "a b",
        "severity:warning,info": "d",
        "-severity:critical": "d",
        "rule:CHECKOUT": "a b",
        "rule:disk,checkout": "a b d",
        "rule:100%_": "d",
        "rule:100__": "",
        "rule:nothing": "",
        "-rule:nothing": "a b d",
        "dept:web": "a b",
        "dept:oper": "a b",
        "dept:erations": "",
        "-dept:web": "d",
        "label:host=a": "a",
        "label:host=a,host=d": "a d",
        "label:host=x": "",
        "state:any label:host=c": "c",
        "-label:host=a": "b d",
        "assigned:me": "",
        "assigned:none": "d",
        "assigned:otto": "a",
        "assigned:bea@example.org,none": "b d",
        "-assigned:none": "a b",
        "since:2h state:any": "a b d",
        "until:2h state:any": "c",
        "kind:threshold": "a b d",
        "kind:error,no_data": "",
        f"#{numbers[a]}": "a",
        f"number:{numbers[a]},{numbers[c]}": "a c",
        "check": "a b",
        "check -err": "",
        "host": "a b d",
        '"checkout errors"': "a b",
        '"errors checkout"': "",
        "';DROP": "",
        "full d": "d",
    }
    assert {text: await hosts(world, text) for text in expected} == expected
    assert await hosts(world, "assigned:me", world.otto) == "a"
    counted = {}
    async with world.data.reading() as session:
        for text in expected:
            counted[text] = (await count(session, world.olga, text)).number
    assert counted == {text: len(found.split()) for text, found in expected.items()}


async def test_people_see_what_they_receive(world: World) -> None:
    silent = await world.make_rule(world.olga, world.query)
    await world.open("a")
    [hidden] = await world.open("b", rule=silent)
    assert await hosts(world, "", world.olga) == "a b"
    assert await hosts(world, "state:any", world.bea) == "a"
    assert await hosts(world, "", world.bob) == ""
    async with world.data.reading() as session:
        assert str(await badge(session, world.olga)) == "2"
        assert str(await badge(session, world.bea)) == "1"
        with pytest.raises(NotAllowed):
            await list_incidents(session, Actor(world.bob.user_id, "Bob", frozenset()))
    with pytest.raises(NotFound):
        await world.view(hidden, world.bea)
    [row] = await inbox(world, "", world.bea)
    assert row.may_triage
    watcher = Actor(world.bob.user_id, "Bob", frozenset({"alert:view", "alert:view_all", "alert:triage"}))
    assert [row.may_triage for row in await inbox(world, "", watcher)] == [False, False]


async def test_a_desk_that_has_just_opened_reads_it_all_without_sqlalchemy(world: World) -> None:
    [one] = await world.open("a")
    fresh = Database(world.data.url)
    try:
        async with fresh.glance() as reader:
            assert isinstance(reader, Glance)
            for filter, order in (
                ("rule:checkout label:host=a severity:critical,info host", "newest"),
                ("#1", "oldest"),
            ):
                page = await list_incidents(reader, world.olga, filter=filter, order=order)  # type: ignore[arg-type]
                assert [row.id for row in page.items] == [one]
            assert (await get_incident(reader, world.bea, one)).row.number == 1
            assert (await list_snoozes(reader, world.olga)).items == ()
            assert (await badge(reader, world.bea)).number == 1
            assert await sparklines(reader, page.items) == {one: (12.0,)}
    finally:
        await fresh.dispose()


async def test_counts_stop_at_their_bound(world: World) -> None:
    await world.open(*(f"h{number}" for number in range(12)))
    async with world.data.reading() as session:
        assert str(await count(session, world.olga, "", bound=10)) == "10+"
        assert str(await count(session, world.olga, "", bound=12)) == "12"


async def test_a_wrong_filter_says_where(world: World) -> None:
    with pytest.raises(InvalidFilter, match="character 1 "):
        await inbox(world, "colour:red")


async def test_sparklines_and_the_value_now(world: World) -> None:
    from datapulse_tui.alerts import history

    one, two = await world.open("a", "b", value=1.0)
    series = (await world.incident(one)).series_id
    async with world.data.transaction() as session:
        for minute in range(3, 0, -1):
            await history.write_samples(
                session, datetime.now(UTC) - timedelta(minutes=minute), [(series, 10.0 * minute)]
            )
    rows = await inbox(world)
    async with world.data.reading() as session:
        found = await sparklines(session, rows)
    assert found == {one: (30.0, 20.0, 10.0, 1.0), two: (1.0,)}
    view = await world.view(one)
    assert [value for _, value in view.samples] == [30.0, 20.0, 10.0, 1.0]


async def test_the_detail_brings_everything_together(world: World) -> None:
    [old] = await world.open("a")
    async with world.data.transaction() as session:
        await triage.resolve(session, world.otto, [(old, 1)], "restarted it")
    [other] = await world.open("b")
    async with world.data.transaction() as session:
        await triage.resolve(session, world.otto, [(other, 1)])
    [one] = await world.open("a")
    view = await world.view(3, world.bea)
    assert view.row.id == one
    assert (view.threshold_type, view.threshold, view.recovery, view.metric) == ("above", 10.0, None, "value")
    assert (view.query, view.source, view.rule_owner.name) == ("query 1", "postgresql-1", "Olga")
    assert [event.kind for event in view.events] == ["fired"]
    assert view.events[0].actor == "DataPulse"
    assert [(each.kind, each.recipient, each.channel, each.status) for each in view.deliveries] == [
        ("trigger", "Bea", "mail", "pending")
    ]
    assert [(each.number, each.last_comment) for each in view.similar] == [(1, "restarted it"), (2, "")]
    assert view.similar[0].resolved_by is not None
    assert view.similar[0].resolved_by.name == "Otto"
    for wanted in (99, 2**62):
        with pytest.raises(NotFound):
            await world.view(wanted)


hostile = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


async def test_no_text_breaks_the_statement(world: World) -> None:
    """Whatever people write is a value: the database answers, or the filter says what is wrong."""
    await world.open("a")
    texts: list[str] = []

    @given(hostile, st.sampled_from(["", "rule:", "dept:", "label:x=", "label:", "assigned:", "number:", "since:"]))
    def collect(value: str, field: str) -> None:
        texts.append(f'{field}"{value}"' if "number" not in field else field + value)

    collect()
    async with world.data.reading() as session:
        for text in [*texts, "'a' & !", "a:*b", r'"\\" x', '"a <-> b"', "a\\", "ü ß 漢字 🙂x"]:
            with contextlib.suppress(InvalidFilter):
                await list_incidents(session, world.olga, filter=text)
