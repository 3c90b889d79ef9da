"""The screen of the audit trail: what stands in it, searching it, what is new, verifying and exporting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from textual.pilot import Pilot

from datapulse_tui.audit import searching
from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.sealer import run_sealer
from datapulse_tui.audit.service import record
from datapulse_tui.tui.screens.admin import audit
from datapulse_tui.tui.screens.admin.audit import AuditScreen
from datapulse_tui.tui.screens.admin.audit_record import RecordScreen
from datapulse_tui.tui.screens.alerts.ask import AskScreen
from datapulse_tui.tui.screens.confirm import MessageScreen
from datapulse_tui.tui.widgets.form import Note
from tests.audit.conftest import settle
from tests.databases import dsn
from tests.tui.audit_world import BOARD, RECORDS, ROOT, prepare, to_audit
from tests.tui.conftest import World, opening_on, screen_text, see, type_in, until
from tests.tui.inbox_world import desk


@pytest.fixture
def trail(empty_world: World) -> World:
    """Three hundred records, one with hostile words on top."""
    return prepare(empty_world)


@asynccontextmanager
async def at_audit(world: World, filter_: str = "", size: tuple[int, int] = (160, 40)) -> AsyncIterator[Pilot[Any]]:
    app = opening_on(desk(world, ROOT), lambda: AuditScreen(filter_))
    async with app.run_test(size=size, notifications=True) as pilot:
        await to_audit(pilot)
        yield pilot


def screen(pilot: Pilot[Any]) -> AuditScreen:
    found = next(each for each in pilot.app.screen_stack if isinstance(each, AuditScreen))
    assert isinstance(found, AuditScreen)
    return found


def line(pilot: Pilot[Any]) -> str:
    """What is told of work, which a toast may cover."""
    return screen(pilot).query_one("#audit-line", Note).text


async def said(pilot: Pilot[Any], words: str) -> None:
    await until(pilot, lambda: any(words in each.message for each in pilot.app._notifications))


def shown(pilot: Pilot[Any]) -> int:
    return len(screen(pilot).loaded.keys)


async def test_rows_with_the_difference_beside_them_and_hostile_words(trail: World) -> None:
    async with at_audit(trail) as pilot:
        text = screen_text(pilot.app)
        assert "[/dev/sda1]" in text
        assert "\x1b" not in text
        assert "200+ · newest first" in text
        await pilot.press("down", "down")
        await see(pilot, "− Sales 299")
        for words in ("dashboard.updated", "dashboard Sales", "+ Sales 300", "time_range", "− 24h", "+ 7d", "10.0.0.7"):
            await see(pilot, words)
        await pilot.press("end")
        await until(pilot, lambda: shown(pilot) > RECORDS)


async def test_one_record_alone_where_there_is_no_room_beside(trail: World) -> None:
    async with at_audit(trail, "on:dashboard", (80, 24)) as pilot:
        assert "− Sales" not in screen_text(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RecordScreen))
        await see(pilot, "− Sales 299")
        await pilot.press("y")
        assert json.loads(pilot.app.clipboard)["details"]["after"]["name"] == "Sales 300"
        await pilot.press("g")
        await until(pilot, lambda: screen(pilot).filter == "who:bea@example.org")
        await until(pilot, lambda: pilot.app.screen is screen(pilot))


async def test_jumps_to_the_same_thing_and_person(trail: World) -> None:
    async with at_audit(trail, "action:incident.") as pilot:
        await pilot.press("t")
        await until(pilot, lambda: screen(pilot).filter == f"on:incident/{BOARD}")
        await until(pilot, lambda: shown(pilot) == RECORDS // 4)
        await pilot.press("escape")
        await until(pilot, lambda: screen(pilot).filter == "" and shown(pilot) == 200)
        await pilot.press("g")  # the cursor stands on the incident still
        await until(pilot, lambda: screen(pilot).filter == "who:system:worker")
        await pilot.press("y")
        await said(pilot, "Copied: record")


async def test_a_filter_is_completed_refused_and_taken_away(trail: World) -> None:
    async with at_audit(trail) as pilot:
        await pilot.press("slash")
        await type_in(pilot, "who:be")
        await see(pilot, "bea@example.org")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: screen(pilot).filter == "who:bea@example.org" and not screen(pilot).filter_open)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RecordScreen))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen(pilot))
        await pilot.press("slash")
        await type_in(pilot, "rubbish:x")
        await pilot.press("enter")
        await see(pilot, "There is no field 'rubbish'")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: screen(pilot).filter == "")


async def test_a_search_for_words_goes_back_and_says_how_far(trail: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WINDOW", 20)
    async with at_audit(trail, '"Sales 12"') as pilot:
        await until(pilot, lambda: shown(pilot) == 13)  # 12, and 120 to 129, before or after
        assert not screen(pilot)._searching
    async with at_audit(trail, "nothing-like-it") as pilot:
        await see(pilot, "No record is like that.")


async def test_a_search_is_stopped(trail: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WINDOW", 5)
    app = desk(trail, ROOT)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.person is not None)
        held = asyncio.Event()
        original = app.services.audit_page

        async def slow(person: Any, filter_: str, after: str | None) -> Any:
            if after is not None:
                await held.wait()
            return await original(person, filter_, after)

        monkeypatch.setattr(app.services, "audit_page", slow)
        await app.push_screen(AuditScreen("nothing-like-it"))
        await see(pilot, "looking further back")
        await pilot.press("escape")
        await see(pilot, "Nothing: searched back to")
        held.set()


async def test_what_is_new_is_told_and_comes_when_it_is_asked_for(
    trail: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LOOKS", 0.05)
    async with at_audit(trail, "on:dashboard") as pilot:
        before = screen_text(pilot.app).splitlines()[6:30]
        for action in ("dashboard.shared", "query.saved", "dashboard.deleted"):
            async with pilot.app.services.data.transaction() as session:
                await record(session, Actor(None, "operator:x"), action, action.partition(".")[0], BOARD)
        await see(pilot, "2 new")
        assert screen_text(pilot.app).splitlines()[6:30] == before
        await pilot.press("R")
        await see(pilot, "dashboard.deleted")
        await until(pilot, lambda: "2 new" not in screen_text(pilot.app))


# -- long work ---------------------------------------------------------------------------------------------------------


async def test_verifying(trail: World) -> None:
    async with at_audit(trail) as pilot:
        await pilot.press("V")
        await see(pilot, "The audit trail is intact")
        await pilot.press("W")
        await until(pilot, lambda: isinstance(pilot.app.screen, MessageScreen))
        await see(pilot, "are not sealed yet")
        await pilot.press("escape")
        await pilot.app.push_screen(AuditScreen("action:audit.verified"))  # what was found is kept, and recorded
        await see(pilot, "V verifies again")
        await see(pilot, "audit.verified")
        stop = asyncio.Event()
        stop.set()
        await settle(pilot.app.services.data)
        await run_sealer(pilot.app.services.data, stop)
        with psycopg.connect(dsn(trail.addresses.owner), autocommit=True) as connection:
            connection.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
            connection.execute("UPDATE audit_logs SET action = 'x' WHERE seq = 17")
        await pilot.press("V")
        await see(pilot, "Record 17 ")
        await said(pilot, "The audit trail was changed")


def held_up(monkeypatch: pytest.MonkeyPatch, pilot: Pilot[Any], name: str, tell: Callable[[Any], None]) -> None:
    """The service `name` tells how far it is, and never ends."""

    async def forever(*given: Any) -> None:
        tell(given[-1])
        await asyncio.Event().wait()

    monkeypatch.setattr(pilot.app.services, name, forever)


async def test_work_shows_how_far_it_is_and_is_stopped(
    trail: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with at_audit(trail) as pilot:
        held_up(monkeypatch, pilot, "verify_audit", lambda progress: progress(40, 100))
        await pilot.press("V")
        await until(pilot, lambda: line(pilot).startswith("Verifying the trail 40 % · esc stops it"))
        await pilot.press("V")
        await said(pilot, "wait for it, or stop it")
        await pilot.press("down", "escape")
        await said(pilot, "Stopped: verifying the trail.")
        assert line(pilot) == ""
        held_up(monkeypatch, pilot, "export_audit", lambda progress: progress(1_234))
        await export_to(pilot, tmp_path / "x.csv")
        await until(pilot, lambda: line(pilot).startswith("Exporting records 1,234 records · esc stops it"))
        await pilot.press("escape")
        await said(pilot, "Stopped: exporting records.")


async def export_to(pilot: Pilot[Any], path: Path) -> None:
    await pilot.press("X")
    await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
    pilot.app.screen.query_one("#answer").value = str(path)
    await pilot.press("enter")


async def test_exporting(trail: World, tmp_path: Path) -> None:
    async with at_audit(trail, "on:incident") as pilot:
        await export_to(pilot, tmp_path / "trail.csv")
        await said(pilot, "75 records are in")
        assert (tmp_path / "trail.csv").read_text().count("\n") == 76
        await export_to(pilot, tmp_path / "trail.csv")
        await said(pilot, "is there already. Nothing was written")
        await export_to(pilot, tmp_path / "trail.jsonl")
        await until(
            pilot, lambda: len([each for each in pilot.app._notifications if "75 records" in each.message]) == 2
        )
        assert len((tmp_path / "trail.jsonl").read_text().splitlines()) == 75
        await export_to(pilot, tmp_path / "no" / "trail.csv")
        await said(pilot, "cannot be written")
