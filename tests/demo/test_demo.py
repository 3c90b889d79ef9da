"""The demo as people get it: everything is there, everything runs, each person sees what they should."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from datapulse_tui.dashboards import as_code
from datapulse_tui.data import migrate
from datapulse_tui.data.connect import Connection
from datapulse_tui.demo import cast, logo, workspace
from datapulse_tui.demo.making import MAKER
from datapulse_tui.demo.workspace import open_demo
from datapulse_tui.errors import Invalid
from datapulse_tui.people.sign_in import sign_in
from datapulse_tui.sources.pool import Sources
from datapulse_tui.sources.service import run_query
from tests.demo.conftest import Made

EVERY_TYPE = {"line_chart", "bar_chart", "pie_chart", "area_chart", "table", "metric_card", "text", "image"}
PUBLIC = {"Operations wall", "Service latency"}
SEEN = {
    "ines@demo.example": PUBLIC | {"Database health", "Orders", "Headcount"},
    "amara@demo.example": PUBLIC | {"Database health", "Orders"},
    "jonas@demo.example": PUBLIC | {"Database health"},
    "mei@demo.example": PUBLIC | {"Orders"},
    "rafael@demo.example": PUBLIC | {"Database health", "Orders"},
    "priya@demo.example": PUBLIC | {"Headcount"},
    "zoe@demo.example": PUBLIC | {"Orders"},
    "samir@demo.example": PUBLIC | {"Orders"},
    "lucia@demo.example": PUBLIC | {"Headcount"},
    "hana@demo.example": set(),
}


def test_five_dashboards_whose_widgets_all_run_and_are_drawn(made: Made):
    assert made.report["ok"]
    assert [each["name"] for each in made.report["dashboards"]] == sorted(
        PUBLIC | {"Database health", "Orders", "Headcount"}
    )
    widgets = [widget for each in made.report["dashboards"] for widget in each["widgets"]]
    assert [widget for widget in widgets if widget["problem"]] == []
    assert {widget["type"] for widget in widgets} == EVERY_TYPE
    assert all(widget["rows"] > 0 for widget in widgets if widget["type"] not in ("text", "image"))


def test_each_person_sees_what_they_should(made: Made):
    people = {each["email"]: each for each in made.report["people"]}
    assert {email: set(each["dashboards"]) for email, each in people.items()} == SEEN
    assert {each["role"] for each in people.values()} == {"business_user", "analyst", "ops_manager", "admin"}
    assert people["hana@demo.example"]["status"] == "pending"
    assert all(each["department"] for each in people.values())


def test_the_sources_answer_and_could_not_write(made: Made):
    sources = {each["name"]: each for each in made.report["sources"]}
    assert {each["status"] for each in sources.values()} == {"connected"}
    assert sources[cast.FILES_SOURCE]["tables"] == ["headcount", "latency", "orders"]
    assert sources[cast.STATISTICS_SOURCE]["tables"] == ["demo.io_samples", "demo.pg_samples"]
    assert all(each["warnings"] == [] for each in sources.values())


def test_six_rules_on_both_sources_can_be_evaluated(made: Made):
    rules = {each["name"]: each for each in made.report["rules"]}
    assert len(rules) == 6
    assert [each for each in rules.values() if each["problem"]] == []
    assert {each["source"] for each in rules.values()} == {cast.FILES_SOURCE, cast.STATISTICS_SOURCE}
    assert {each["severity"] for each in rules.values()} == {"info", "warning", "critical"}
    assert rules["Transactions surge"]["interval_seconds"] == 10
    assert rules["Slow answers"]["series"] == 4


async def test_a_day_of_samples_is_what_the_queries_bring(demo: Connection):
    async with demo.data.reading() as session:
        rows = await session.execute(
            text(
                "SELECT q.name, s.labels, count(*) AS samples, max(m.at) - min(m.at) AS length FROM metric_samples m "
                "JOIN metric_series s ON s.id = m.series_id JOIN queries q ON q.id = s.query_id "
                "JOIN data_sources d ON d.id = q.data_source_id WHERE d.name = :files GROUP BY s.id, q.name"
            ),
            {"files": cast.FILES_SOURCE},
        )
        found = {(row.name, *row.labels.values()): row for row in rows}
        at, value = (
            await session.execute(
                text(
                    "SELECT m.at, m.value FROM metric_samples m JOIN metric_series s ON s.id = m.series_id "
                    "JOIN queries q ON q.id = s.query_id WHERE q.name = 'Orders of a day' ORDER BY m.at LIMIT 1"
                )
            )
        ).one()
    assert {key[1] for key in found if key[0] == "p95 of the services"} == {"api", "checkout", "pay", "search"}
    assert all(row.samples >= 280 and row.length.total_seconds() > 23 * 3600 for row in found.values())
    sources = Sources.from_settings(demo.settings)
    try:
        sql = "SELECT count(*) FROM orders WHERE ordered_at > :at::timestamptz - INTERVAL 1 DAY AND ordered_at <= :at"
        answer = await run_query(demo.data, sources, MAKER, source=cast.FILES_SOURCE, sql=sql, params={"at": at})
    finally:
        await sources.close()
    assert list(answer.rows) == [(value,)]


async def test_everybody_has_their_metrics_on_today(demo: Connection):
    from datapulse_tui.alerts.reads.today import pins
    from datapulse_tui.people.actors import actor_for

    for email, metrics in cast.PINS.items():
        async with demo.data.glance() as session:
            actor = await actor_for(session, email)
            pinned = await pins(session, actor)
        assert {(pin.query, pin.metric, *pin.labels.values()) for pin in pinned} == {
            (name, metric, *labels.values()) for name, metric, labels in metrics
        }
        assert all(pin.rule for pin in pinned)


async def test_the_documented_password_signs_in(demo: Connection, made: Made):
    assert made.report["password"] == cast.PASSWORD
    actor = await sign_in(demo.data, cast.PEOPLE[3].email, cast.PASSWORD, ip=None, user_agent="test")
    assert (actor.label, actor.role, actor.zone) == ("Mei-Ling Zhao", "analyst", "Asia/Singapore")


async def test_the_statistics_source_is_neither_owner_nor_application(demo: Connection):
    sources = Sources.from_settings(demo.settings)
    try:
        who = await run_query(
            demo.data, sources, MAKER, source=cast.STATISTICS_SOURCE, sql="SELECT current_user::text AS who"
        )
        assert list(who.rows) == [("datapulse_monitor",)]
        for table in ("users", "demo.bookings", "demo.setup"):
            with pytest.raises(Invalid):
                await run_query(demo.data, sources, MAKER, source=cast.STATISTICS_SOURCE, sql=f"SELECT * FROM {table}")
    finally:
        await sources.close()


async def test_the_demos_own_tables_are_no_drift(demo: Connection):
    assert await asyncio.to_thread(migrate.drift, demo.addresses.owner) == []


async def counts(connection: Connection) -> dict[str, object]:
    names = (
        "users",
        "departments",
        "data_sources",
        "data_source_grants",
        "dashboards",
        "widgets",
        "alerts",
        "audit_logs",
    )
    async with connection.data.reading() as session:
        return {name: await session.scalar(text(f"SELECT count(*) FROM {name}")) for name in names} | {
            "made": await session.scalar(text("SELECT finished_at FROM demo.setup"))
        }


async def test_a_second_start_changes_nothing(demo: Connection, made: Made):
    before = await counts(demo)
    again = await open_demo(made.settings)
    try:
        assert await counts(again) == before
    finally:
        await again.data.dispose()


async def test_starts_at_the_same_time_make_one_demo(demo: Connection, made: Made):
    before = await counts(demo)
    await forget(demo)
    opened = await asyncio.gather(*(open_demo(made.settings) for _ in range(3)))
    try:
        after = await counts(opened[0])
    finally:
        for each in opened:
            await each.data.dispose()
    del before["made"], after["made"]
    assert after == before


async def forget(connection: Connection) -> None:
    """Take the note away that the demo is complete, as if its set-up had been killed before the end."""
    import psycopg

    from tests.databases import dsn

    owner = await psycopg.AsyncConnection.connect(dsn(connection.addresses.owner), autocommit=True)
    async with owner:
        await owner.execute("DELETE FROM demo.setup")


async def test_a_set_up_that_was_cut_short_is_completed(demo: Connection, made: Made):
    before = await counts(demo)
    await forget(demo)
    async with demo.data.transaction() as session:
        await session.execute(text("DELETE FROM dashboards WHERE name IN ('Orders', 'Headcount')"))
        await session.execute(text("DELETE FROM data_source_grants"))
    (workspace.sample_folder(demo.settings.home) / "latency.csv").unlink()
    again = await open_demo(made.settings)
    try:
        after = await counts(again)
    finally:
        await again.data.dispose()
    for each in (before, after):
        del each["made"], each["audit_logs"]
    assert after == before
    assert (workspace.sample_folder(demo.settings.home) / "latency.csv").is_file()


def test_the_files_name_people_who_are_there():
    known = {person.email for person in cast.PEOPLE}
    files = {path.name: as_code.load_file(path)[0].document for path in workspace.DASHBOARDS.glob("*.yaml")}
    assert set(files) == set(cast.OWNERS)
    for name, document in files.items():
        assert cast.OWNERS[name] in known
        assert {share.email for share in document.shares or ()} <= known
    assert cast.DEFAULT_EMAIL in known
    assert {person.department for person in cast.PEOPLE} == set(cast.DEPARTMENTS)


def test_the_shipped_picture_is_what_the_script_draws(tmp_path: Path):
    from PIL import Image, ImageChops

    logo.draw(tmp_path / "again.png")
    with Image.open(tmp_path / "again.png") as again, Image.open(workspace.DASHBOARDS / workspace.PICTURE) as shipped:
        assert ImageChops.difference(again.convert("RGBA"), shipped.convert("RGBA")).getbbox() is None
