"""Lists and single dashboards as people of every role see them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import event, text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.dashboards.reads import Order, find_dashboard, get_dashboard, list_dashboards
from datapulse_tui.dashboards.rules import Permission, Scope
from datapulse_tui.dashboards.timerange import DEFAULT_RANGE
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from tests.dashboards.conftest import OPERATOR, People
from tests.dashboards.test_service import note, put


async def names(data: Database, actor: Actor, scope: Scope = Scope.ALL, filter_: str = "") -> list[str]:
    async with data.reading() as session:
        return [row.name for row in (await list_dashboards(session, actor, scope=scope, text=filter_)).items]


async def test_scopes(data: Database, person: People) -> None:
    ana, ben, bob = await person("ana"), await person("ben"), await person("bob", "business_user")
    await put(data, ana, {"name": "private"})
    await put(
        data, ana, {"name": "shared", "shares": [{"email": ben.email, "permission": "edit"}, {"email": bob.email}]}
    )
    await put(data, OPERATOR, {"name": "public", "public": True}, owner_id=ana.user_id)
    await put(data, ben, {"name": "ben's own"})
    assert await names(data, ana) == ["private", "public", "shared"]
    assert await names(data, ana, Scope.SHARED) == []
    assert await names(data, ben) == ["ben's own", "public", "shared"]
    assert await names(data, ben, Scope.MINE) == ["ben's own"]
    assert await names(data, ben, Scope.SHARED) == ["shared"]
    assert await names(data, ben, Scope.PUBLIC) == ["public"]
    assert await names(data, OPERATOR) == ["ben's own", "private", "public", "shared"]
    assert await names(data, OPERATOR, Scope.MINE) == []
    async with data.reading() as session:
        found = {row.name: row.permission for row in (await list_dashboards(session, ben)).items}
        assert found == {"ben's own": Permission.OWNER, "public": Permission.VIEW, "shared": Permission.EDIT}
        found = {row.name: row.permission for row in (await list_dashboards(session, bob)).items}
        assert found == {"public": Permission.VIEW, "shared": Permission.VIEW}
        with pytest.raises(NotAllowed):
            await list_dashboards(session, Actor(ana.user_id, "x"))


async def test_filter_takes_text_as_it_is(data: Database, person: People) -> None:
    ana, ben = await person("ana"), await person("ben")
    await put(data, ana, {"name": "100% sure", "description": "Revenue of the shop"})
    await put(data, ana, {"name": "a_b", "shares": [{"email": ben.email}]})
    await put(data, ben, {"name": r"back\slash"})
    assert await names(data, ana, filter_="%") == ["100% sure"]
    assert await names(data, ana, filter_="_") == ["a_b"]
    assert await names(data, ben, filter_="\\") == [r"back\slash"]
    assert await names(data, ana, filter_="SHOP sure") == ["100% sure"]
    assert await names(data, ana, filter_="shop other") == []
    assert await names(data, ben, filter_="ana@") == ["a_b"]


@pytest.mark.parametrize("order", ["name", "updated"])
async def test_pages(data: Database, person: People, order: Order) -> None:
    ana = await person("ana")
    async with data.transaction() as session:
        await session.execute(
            text("INSERT INTO dashboards (user_id, name, updated_at) "
                 "SELECT :me, (CASE WHEN i % 2 = 0 THEN 'd' ELSE 'D' END) || i, now() - (i % 3) * interval '1 hour' "
                 "FROM generate_series(1, 25) i"),
            {"me": ana.user_id},
        )  # fmt: skip
        await session.execute(
            text("INSERT INTO user_preferences (user_id, key, value) "
                 "SELECT :me, 'star:dashboard:' || id, 'true' FROM dashboards WHERE name IN ('D3', 'd8', 'D17')"),
            {"me": ana.user_id},
        )  # fmt: skip
    rows, cursor = [], None
    async with data.reading() as session:
        while True:
            page = await list_dashboards(session, ana, order=order, after=cursor, limit=4)
            rows += page.items
            cursor = page.next
            if cursor is None:
                break
        whole = (await list_dashboards(session, ana, order=order)).items
        assert tuple(rows) == whole
        assert [row.starred for row in whole] == [True] * 3 + [False] * 22
        with pytest.raises(Invalid):
            await list_dashboards(
                session, ana, order="updated" if order == "name" else "name", after=page_cursor(whole)
            )
        with pytest.raises(Invalid):
            await list_dashboards(session, ana, after="nonsense")


def page_cursor(rows: tuple[object, ...]) -> str:
    from datapulse_tui.data.page import encode_cursor

    return encode_cursor((True, 5, 5))


async def test_each_read_is_one_round_trip(data: Database, person: People) -> None:
    ana = await person("ana")
    made = await put(data, ana, {"name": "D", "widgets": [note("A"), note("B", 3)]})
    assert made.id is not None
    statements: list[str] = []
    event.listen(data.engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    async with data.reading() as session:
        (row,) = (await list_dashboards(session, ana)).items
        assert (row.widgets, row.owner_name, row.owner_email) == (2, "Ana", ana.email)
    assert len(statements) == 1
    async with data.reading() as session:
        view = await get_dashboard(session, ana, made.id)
    assert len(statements) == 2
    assert [each.title for each in view.widgets] == ["A", "B"]
    assert view.widget(view.widgets[1].id) is view.widgets[1]
    assert view.time_range == DEFAULT_RANGE


async def test_find_by_name(data: Database, person: People) -> None:
    ana, ben, bob = await person("ana"), await person("ben"), await person("bob", "business_user")
    mine = await put(data, ana, {"name": "D", "shares": [{"email": bob.email}]})
    his = await put(data, ben, {"name": "D", "shares": [{"email": bob.email}, {"email": ana.email}]})
    async with data.reading() as session:
        assert await find_dashboard(session, ana, "D") == mine.id
        assert await find_dashboard(session, ana, "D", owner_email="BEN@example.org") == his.id
        with pytest.raises(Invalid, match=r"Several people .* ana@example.org, ben@example.org"):
            await find_dashboard(session, bob, "D")
        with pytest.raises(NotFound):
            await find_dashboard(session, ana, "d")


async def test_shares_are_seen_by_those_who_may_change_them(data: Database, person: People) -> None:
    ana, ben = await person("ana"), await person("ben")
    made = await put(data, ana, {"name": "D", "shares": [{"email": ben.email, "permission": "edit"}]})
    assert made.id is not None
    async with data.reading() as session:
        assert len((await get_dashboard(session, ana, made.id)).shares) == 1
        assert (await get_dashboard(session, ben, made.id)).shares == ()


def test_what_the_desk_imports_brings_nothing_heavy() -> None:
    script = (
        "import sys; from datapulse_tui.dashboards import reads, rules, timerange, variables, runner, service, render;"
        "heavy = {'sqlalchemy', 'psycopg', 'pydantic', 'sqlglot', 'ruamel', 'duckdb', 'httpx', 'textual', 'PIL'};"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}), "
        "'datapulse_tui.charts.options' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"
