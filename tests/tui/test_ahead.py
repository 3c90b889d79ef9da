"""What is imported ahead of need, and who goes first."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, cast

import pytest
from textual.css import stylesheet
from textual.css.parse import parse

from datapulse_tui.data import database
from datapulse_tui.data.database import Database
from datapulse_tui.tui import ahead
from datapulse_tui.tui.screens.dashboard import DashboardScreen
from datapulse_tui.tui.widgets.card import Card
from tests.tui.conftest import ANA, World, see, until
from tests.tui.test_dashboard import open_sales

pytestmark = pytest.mark.usefixtures("dashboards_first")


def test_the_first_query_waits_for_no_sqlalchemy_and_no_pillow() -> None:
    program = """
import sys
from importlib import import_module
from datapulse_tui.tui.ahead import FOR_PICTURES, import_for_queries
import_for_queries()
late = {"sqlalchemy", "duckdb", "alembic", "PIL", "datapulse_tui.charts.options"}
assert not late & set(sys.modules), sorted(late & set(sys.modules))
for name in FOR_PICTURES:
    import_module(name)
assert "sqlalchemy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_today_waits_for_no_heavy_module(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
import datapulse_tui.tui.app
from datapulse_tui.tui.workspace import _prepare
_prepare(Path(sys.argv[1]), True)
import datapulse_tui.demo.workspace
heavy = {"sqlalchemy", "pydantic", "sqlglot", "cryptography", "bcrypt", "duckdb", "alembic", "procrastinate"}
late = {"datapulse_tui.house", "datapulse_tui.people.sessions", "datapulse_tui.workflows.reads.queue"}
assert not (heavy | late) & set(sys.modules), sorted((heavy | late) & set(sys.modules))
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)


async def test_a_lull_waits_for_who_goes_to_another_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "REST", 0.05)
    lull = ahead.Lull()
    lull.not_now()
    waiting = asyncio.create_task(lull.comes())
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_a_sheet_is_parsed_once_however_many_rooms_are_entered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def counting(scope: str, css: str, read_from: tuple[str, str], **options: Any) -> Any:
        parsed.append(read_from[0])
        return parse(scope, css, read_from, **options)

    monkeypatch.setattr(stylesheet, "parse", counting)
    app = world.desk(as_email=ANA)
    async with app.run_test(size=(80, 24)) as pilot:
        await see(pilot, "Sales")
        for digit, room in (("1", "today"), ("3", "alerts"), ("4", "approvals"), ("2", "dashboards")):
            await pilot.press(digit)
            await until(pilot, lambda room=room: getattr(app.screen, "ROOM", "") == room)
    files = [each for each in parsed if each.endswith(".tcss")]
    assert len(files) == len(set(files))


async def test_a_lull_comes_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "REST", 0.02)
    lull = ahead.Lull()
    await asyncio.wait_for(lull.comes(), 1)
    with lull.broken(), lull.broken():
        waiting = asyncio.create_task(lull.comes())
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_a_dashboard_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PATIENCE", 0.02)
    lull = ahead.Lull()
    with lull.broken():
        await asyncio.wait_for(lull.comes(), 1)


def test_threads_give_way_only_as_long_as_is_said() -> None:
    usual = sys.getswitchinterval()
    with ahead.giving_way():
        assert sys.getswitchinterval() == pytest.approx(ahead.SWITCH)
    assert sys.getswitchinterval() == pytest.approx(usual)


async def test_who_changes_something_does_not_wait_for_a_lull(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    monkeypatch.setattr(database, "STEPS", ("colorsys", *database.STEPS))  # one that is not imported yet
    data, never = Database(database_url), asyncio.Event()

    async def wait_for_ever() -> None:
        await never.wait()

    warming = asyncio.create_task(data.warm_up(wait_for_ever))
    await asyncio.sleep(0)
    async with asyncio.timeout(20), data.transaction() as session:
        assert session is not None
    never.set()
    await warming
    await data.dispose()


async def test_a_desk_that_closes_before_a_picture_is_drawn_leaves_nothing_behind(world: World) -> None:
    app = world.desk(as_email=ANA)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        async with app.run_test(size=(120, 40)) as pilot:
            await open_sales(pilot)
            for card in cast("list[Card]", cast(DashboardScreen, app.screen).grid.cards):
                card._drawn = None
                card.draw_if_due()
                card.draw_if_due()  # takes the place of the one before, which has not begun
    assert not [each for each in caught if "never awaited" in str(each.message)]
