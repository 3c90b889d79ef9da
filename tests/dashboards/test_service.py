"""Applying, sharing, starring and deleting dashboards on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg.types.json import Jsonb
from sqlalchemy import select, text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.dashboards import service
from datapulse_tui.dashboards.applying import Applied, apply, apply_all
from datapulse_tui.dashboards.as_code import InvalidFile, dump, load
from datapulse_tui.dashboards.checking import InvalidDocument, check
from datapulse_tui.dashboards.plain import plain_view
from datapulse_tui.dashboards.reads import DashboardView, find_dashboard, get_dashboard, list_dashboards
from datapulse_tui.data.database import Database
from datapulse_tui.data.models.audit import AuditLog
from datapulse_tui.data.models.reports import Report
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.sources import service as source_service
from tests.dashboards.conftest import OPERATOR, People
from tests.dashboards.documents import dashboards
from tests.dashboards.test_as_code import EXAMPLE
from tests.databases import dsn

SECOND = """\
  - title: Second
    type: table
    source: warehouse
    query: SELECT :regoin
    position: {x: 0, y: 8, w: 6, h: 4}
  - title: Note
"""
FILE = EXAMPLE.replace("source: shop", "source: warehouse")


def note(title: str, x: int = 0, y: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "title": title,
        "type": "text",
        "config": {"markdown": "m"},
        "position": {"x": x, "y": y, "w": 3, "h": 2},
        **more,
    }


def chart(title: str, query: str, source: str = "warehouse", y: int = 10) -> dict[str, Any]:
    place = {"x": 0, "y": y, "w": 6, "h": 4}
    return {"title": title, "type": "line_chart", "source": source, "query": query, "position": place}


async def put(data: Database, actor: Actor, value: dict[str, Any], **options: Any) -> Applied:
    async with data.transaction() as session:
        return await apply(session, actor, check(value), **options)


async def get(data: Database, actor: Actor, name: str) -> DashboardView:
    async with data.reading() as session:
        return await get_dashboard(session, actor, await find_dashboard(session, actor, name))


async def grant(data: Database, actor: Actor) -> None:
    async with data.transaction() as session:
        await source_service.grant_source(session, OPERATOR, "warehouse", actor.email)


async def audit(data: Database) -> list[AuditLog]:
    async with data.reading() as session:
        found = await session.scalars(
            select(AuditLog).where(AuditLog.resource_type == "dashboard").order_by(AuditLog.seq)
        )
        return list(found)


async def test_a_file_is_applied_exported_and_applied_again(data: Database, person: People, warehouse: str) -> None:
    mia, _ = await person("mia", "ops_manager"), await person("ana")
    await grant(data, mia)
    loaded = load(FILE.encode(), "x.yaml")
    async with data.reading() as session:
        (tried,) = await apply_all(session, mia, loaded, dry_run=True)
    assert (tried.outcome, tried.id) == ("created", None)
    async with data.transaction() as session:
        (made,) = await apply_all(session, mia, loaded)
    assert made.outcome == "created"
    assert made.changes == tried.changes
    exported = dump([plain_view(await get(data, mia, "Orders"))])
    assert exported == FILE
    async with data.transaction() as session:
        (again,) = await apply_all(session, mia, load(exported.encode(), "x.yaml"))
    assert again == Applied(made.id, "Orders", "unchanged", ())
    assert dump([plain_view(await get(data, mia, "Orders"))]) == exported
    (record,) = await audit(data)
    assert (record.action, record.user_id, record.resource_id) == ("dashboard.created", mia.user_id, made.id)
    assert record.details["after"]["widgets"][0]["title"] == "Orders per hour"


async def test_widgets_keep_their_ids(data: Database, person: People) -> None:
    ana = await person("ana")
    await put(data, ana, {"name": "D", "widgets": [note("A"), note("B", 3), note("C", 6), note("C", 9)]})
    before = {(each.title, each.position.x): each.id for each in (await get(data, ana, "D")).widgets}
    changed = [note("A", 0, 4), note("B2", 3), note("C", 9, config={"markdown": "new"}), note("N", 6, 4)]
    applied = await put(data, ana, {"name": "D", "widgets": changed, "refresh": "1m"})
    after = {(each.title, each.position.x): each.id for each in (await get(data, ana, "D")).widgets}
    assert after["A", 0] == before["A", 0]  # moved
    assert after["B2", 3] == before["B", 3]  # renamed
    assert after["C", 9] == before["C", 9]  # another text; the other C is gone
    assert after["N", 6] not in before.values()
    assert sorted(applied.changes) == [
        'refresh set to "1m"', "widget 'A' changed", "widget 'B' removed", "widget 'B2' added", "widget 'C' changed",
        "widget 'N' added",
    ]  # fmt: skip
    assert (await audit(data))[-1].action == "dashboard.updated"


async def test_a_change_of_a_widget_alone_is_a_change_of_the_dashboard(data: Database, person: People) -> None:
    ana = await person("ana")
    await put(data, ana, {"name": "D", "widgets": [note("A")]})
    before = await get(data, ana, "D")
    await put(data, ana, {"name": "D", "widgets": [note("A", 1)]})
    assert (await get(data, ana, "D")).updated_at > before.updated_at


async def test_sql_needs_a_grant_and_passes_the_guard(data: Database, person: People, warehouse: str) -> None:
    ana = await person("ana")
    value = {"name": "D", "widgets": [chart("Q", "SELECT 1")]}
    with pytest.raises(
        InvalidDocument, match=r'^widgets\[0\].source: found "warehouse", expected a source that you may'
    ) as no:
        await put(data, ana, value)
    assert "none of them" in no.value.message
    with pytest.raises(InvalidDocument, match=r'widgets\[0\].source: found "nowhere", expected a source'):
        await put(data, ana, {"name": "D", "widgets": [chart("Q", "SELECT 1", "nowhere")]})
    await grant(data, ana)
    bad = [chart("a", "DELETE FROM t"), chart("b", "SELECT pg_sleep(9)", y=20), chart("c", "SELECT :nothing", y=30)]
    with pytest.raises(InvalidDocument) as slips:
        await put(data, ana, {"name": "D", "widgets": bad})
    messages = [str(problem) for problem in slips.value.problems]
    assert messages[0].startswith("widgets[0].query: DELETE is refused")
    assert messages[1].startswith("widgets[1].query: The function pg_sleep (at line 1, column 8) is not on the list")
    assert messages[2] == "widgets[2].query: found the parameter :nothing, expected one of :bucket, :from, :to"
    assert (await put(data, ana, value)).outcome == "created"
    # What is there already needs no grant when something else is changed, but new SQL does.
    async with data.transaction() as session:
        await source_service.revoke_source(session, OPERATOR, "warehouse", ana.email)
    assert (await put(data, ana, {**value, "refresh": "1m"})).outcome == "updated"
    with pytest.raises(InvalidDocument, match="expected a source that you may query"):
        await put(data, ana, {"name": "D", "widgets": [chart("Q", "SELECT 2")]})


async def test_slips_found_on_applying_have_their_line(data: Database, person: People, warehouse: str) -> None:
    ana = await person("ana")
    await grant(data, ana)
    text_ = FILE.replace("count(*)", "pg_read_file('x')").replace("ana@", "zoe@").replace("public: true\n", "")
    text_ = text_.replace("  - title: Note\n", SECOND)
    with pytest.raises(InvalidFile) as slips:
        async with data.transaction() as session:
            await apply_all(session, ana, load(text_.encode(), "x.yaml"))
    first, second, third = slips.value.slips
    assert first.startswith("x.yaml:26: widgets[0].query: The function pg_read_file (at line 1, column 44) is not on")
    assert second.startswith(
        "x.yaml:41: widgets[1].query: found the parameter :regoin, expected one of :bucket, :from,"
    )
    assert third.startswith('x.yaml:51: shares[0].email: found "zoe@example.org", expected somebody')


async def test_all_of_a_file_or_nothing(data: Database, person: People) -> None:
    ana = await person("ana")
    text_ = "name: One\nwidgets: []\n---\nname: Two\nshares:\n- email: nobody@example.org\n"
    with pytest.raises(InvalidFile, match=r"x\.yaml:6: shares"):
        async with data.transaction() as session:
            await apply_all(session, ana, load(text_.encode(), "x.yaml"))
    async with data.reading() as session:
        assert (await list_dashboards(session, ana)).items == ()


async def test_rights_to_apply(data: Database, person: People) -> None:
    ana, ben, bob = await person("ana"), await person("ben"), await person("bob", "business_user")
    admin = await person("amy", "admin")
    with pytest.raises(NotAllowed, match="make dashboards"):
        await put(data, bob, {"name": "D"})
    with pytest.raises(Invalid, match="belongs to a person"):
        await put(data, OPERATOR, {"name": "D"})
    assert (await put(data, OPERATOR, {"name": "D"}, owner_id=ana.user_id)).outcome == "created"
    with pytest.raises(NotAllowed, match="for somebody else"):
        await put(data, ben, {"name": "New"}, owner_id=ana.user_id)
    with pytest.raises(NotFound):
        await put(data, ben, {"name": "D", "refresh": "1m"}, owner_id=ana.user_id)
    view = await get(data, ana, "D")
    async with data.transaction() as session:
        await service.share(session, ana, view.id, ben.email, "view")
    with pytest.raises(NotAllowed, match="may not change the dashboard 'D'"):
        await put(data, ben, {"name": "D", "refresh": "1m"}, owner_id=ana.user_id)
    async with data.transaction() as session:
        await service.share(session, ana, view.id, ben.email, "edit")
    assert (await put(data, ben, {"name": "D", "refresh": "1m"}, owner_id=ana.user_id)).outcome == "updated"
    with pytest.raises(NotAllowed, match="but not shares"):
        await put(data, ben, {"name": "D", "refresh": "1m", "shares": [{"email": bob.email}]}, owner_id=ana.user_id)
    with pytest.raises(NotAllowed, match="dashboard:publish"):
        await put(data, ana, {"name": "D", "public": True})
    assert (await put(data, admin, {"name": "D", "public": True}, owner_id=ana.user_id)).outcome == "updated"
    shares = (await get(data, ana, "D")).shares
    assert [(each.email, each.permission) for each in shares] == [(ben.email, "edit")]  # not spoken of: as they were
    await put(data, ana, {"name": "D", "public": True, "shares": []})
    assert (await get(data, ana, "D")).shares == ()


async def test_shares_of_a_file_are_all_there_are(data: Database, person: People) -> None:
    ana, ben, bob = await person("ana"), await person("ben"), await person("bob", "business_user")
    await put(data, ana, {"name": "D", "shares": [{"email": ben.email, "permission": "edit"}]})
    await put(data, ana, {"name": "D", "shares": [{"email": bob.email}, {"email": ben.email}]})
    assert [(each.email, each.permission) for each in (await get(data, ana, "D")).shares] == [
        (ben.email, "view"), (bob.email, "view"),
    ]  # fmt: skip
    with pytest.raises(InvalidDocument, match="found the owner"):
        await put(data, ana, {"name": "D", "shares": [{"email": ana.email}]})


async def test_share_unshare_publish(data: Database, person: People) -> None:
    ana, ben, mia = await person("ana"), await person("ben", "business_user"), await person("mia", "ops_manager")
    made = await put(data, ana, {"name": "D"})
    assert made.id is not None
    async with data.transaction() as session:
        with pytest.raises(NotFound):
            await service.share(session, ben, made.id, mia.email, "view")
        with pytest.raises(Invalid, match="to view or to edit"):
            await service.share(session, ana, made.id, mia.email, "own")
        with pytest.raises(Invalid, match="owns this"):
            await service.share(session, ana, made.id, ana.email, "view")
        with pytest.raises(NotFound, match="nobody"):
            await service.share(session, ana, made.id, "no@example.org", "view")
        await service.share(session, ana, made.id, ben.email.upper(), "view")
        await service.share(session, ana, made.id, ben.email, "view")
        with pytest.raises(NotAllowed, match="only its owner Ana"):
            await service.share(session, ben, made.id, mia.email, "view")
        with pytest.raises(NotAllowed, match="dashboard:publish"):
            await service.set_public(session, ana, made.id, public=True)
        await service.set_public(session, OPERATOR, made.id, public=True)
        await service.unshare(session, ana, made.id, ben.email)
        with pytest.raises(NotFound, match="not shared"):
            await service.unshare(session, ana, made.id, ben.email)
    actions = [(each.action, each.details) for each in await audit(data)]
    assert [action for action, _ in actions] == [
        "dashboard.created", "dashboard.shared", "dashboard.published", "dashboard.unshared",
    ]  # fmt: skip
    assert actions[1][1]["after"] == {"email": ben.email, "permission": "view"}


async def test_delete(data: Database, person: People) -> None:
    ana, ben = await person("ana"), await person("ben")
    made = await put(
        data, ana, {"name": "D", "widgets": [note("A")], "shares": [{"email": ben.email, "permission": "edit"}]}
    )
    assert made.id is not None
    async with data.transaction() as session:
        with pytest.raises(NotAllowed, match="delete this dashboard"):
            await service.delete(session, ben, made.id)
    async with data.transaction() as session:
        report = Report(dashboard_id=made.id, created_by=ana.user_id, name="R")
        session.add(report)
    async with data.transaction() as session:
        with pytest.raises(Conflict, match="1 scheduled report of the dashboard 'D' would be lost"):
            await service.delete(session, ana, made.id)
        await session.delete(report)
    async with data.transaction() as session:
        assert await service.delete(session, ana, made.id) == "D"
    async with data.reading() as session:
        with pytest.raises(NotFound):
            await get_dashboard(session, ana, made.id)
        assert (await session.execute(text("SELECT count(*) FROM widgets"))).scalar_one() == 0
    assert (await audit(data))[-1].details["before"]["widgets"][0]["title"] == "A"


async def test_stars_are_ones_own(data: Database, person: People) -> None:
    ana, ben = await person("ana"), await person("ben")
    first = await put(data, ana, {"name": "A", "shares": [{"email": ben.email}]})
    second = await put(data, ana, {"name": "B"})
    assert first.id is not None
    assert second.id is not None
    async with data.transaction() as session:
        await service.star(session, ana, second.id, starred=True)
        await service.star(session, ana, second.id, starred=True)
        with pytest.raises(NotFound):
            await service.star(session, ben, second.id, starred=True)
    async with data.reading() as session:
        assert [(row.name, row.starred) for row in (await list_dashboards(session, ana)).items] == [
            ("B", True),
            ("A", False),
        ]
        assert [row.starred for row in (await list_dashboards(session, ben)).items] == [False]
    async with data.transaction() as session:
        await service.star(session, ana, second.id, starred=False)
    assert not (await get(data, ana, "B")).starred


async def test_two_who_make_the_same_dashboard(data: Database, person: People) -> None:
    ana = await person("ana")

    async def one() -> str:
        try:
            return (await put(data, ana, {"name": "D", "widgets": [note("A")]})).outcome
        except DataPulseError as error:
            return type(error).__name__

    outcomes = await asyncio.gather(*(one() for _ in range(5)))
    assert outcomes.count("created") == 1
    assert set(outcomes) <= {"created", "Conflict", "unchanged"}
    assert len((await get(data, ana, "D")).widgets) == 1


async def test_a_change_is_told_to_the_desks(data: Database, person: People, owner_url: str) -> None:
    ana = await person("ana")
    with psycopg.connect(dsn(owner_url), autocommit=True) as listener:
        listener.execute("LISTEN datapulse")
        made = await put(data, ana, {"name": "D"})
        (heard,) = listener.notifies(timeout=5, stop_after=1)
    assert heard.payload == f'["dashboards","{made.id}"]'


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dashboards)
def test_the_store_keeps_every_document_exactly(superuser_url: str, value: dict[str, Any]) -> None:
    """JSONB reorders keys and writes numbers anew; what is exported afterwards is the same text all the same."""
    before = check(value)
    with psycopg.connect(dsn(superuser_url)) as connection:
        row = connection.execute("SELECT %s::jsonb", [Jsonb(before.plain())]).fetchone()
    assert row is not None
    after = check(row[0])
    assert after.plain() == before.plain()
    assert dump([after.plain()]) == dump([before.plain()])
