"""Every filter finds what a plain look through all records finds, page after page, whatever index answers it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from datapulse_tui.audit import searching
from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.completion import complete
from datapulse_tui.audit.export import Format, export
from datapulse_tui.audit.reads import AuditRecord, count, get_record, list_records
from datapulse_tui.cli.main import app
from datapulse_tui.data.database import Database
from datapulse_tui.errors import NotAllowed, NotFound
from tests.audit.conftest import OPERATOR
from tests.databases import dsn

THINGS = [UUID(int=number) for number in range(1, 6)]
RECORDS = 400
_FILL = """
INSERT INTO users (email, name, password, role, status)
    SELECT n || '@example.org', n, '!', 'analyst', 'active' FROM unnest(ARRAY['ana', 'anton', 'bea']) n;
INSERT INTO users (email, name, password) SELECT 'crowd' || n || '@example.org', 'x', '!' FROM generate_series(1, 30) n;
INSERT INTO audit_logs (user_id, actor, action, resource_type, resource_id, ip_address, details, created_at, seq)
    OVERRIDING SYSTEM VALUE
    SELECT CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN (SELECT id FROM users WHERE email = 'bea@example.org')
                WHEN 2 THEN (SELECT id FROM users WHERE email = 'crowd' || 1 + n % 30 || '@example.org')
                ELSE (SELECT id FROM users WHERE email = 'ana@example.org') END,
        CASE n % 10 WHEN 0 THEN 'system:worker' WHEN 5 THEN 'operator:root@host' WHEN 3 THEN 'operator:ana@host' END,
        (ARRAY['user.activated', 'user.signed_in', 'dashboard.shared', 'alert.created'])[1 + n % 4],
        CASE n % 16 WHEN 0 THEN 'role' ELSE (ARRAY['user', 'user', 'dashboard', 'alert'])[1 + n % 4] END,
        CASE WHEN n % 7 > 0 THEN ('00000000-0000-0000-0000-00000000000' || 1 + n % 5)::uuid
             ELSE (SELECT id FROM users WHERE email = 'bea@example.org') END,
        CASE WHEN n % 3 > 0 THEN '10.0.' || n % 3 || '.' || n % 4 END,
        jsonb_build_object('after', jsonb_build_object('name', 'Orders ' || n)),
        timestamptz '2026-01-01 00:00Z' + interval '1 h' * (n / 2), n
    FROM generate_series(1, 400) n;
SELECT setval('audit_logs_seq_seq', 1000)
"""


@pytest.fixture
async def trail(data: Database, owner_url: str) -> Database:
    """Four hundred records over eight days, two at each time."""
    with psycopg.connect(dsn(owner_url)) as connection:
        for statement in _FILL.split(";\n"):
            connection.execute(statement.encode())
    return data


def on(found: AuditRecord, *kinds: str) -> bool:
    return found.resource_type in kinds


def at(found: AuditRecord) -> str:
    return found.at.astimezone(UTC).isoformat()


CASES: dict[str, Any] = {
    "": lambda r: True,
    "who:ana@": lambda r: r.who == "ana@example.org",
    "who:an": lambda r: r.who == "ana@example.org",
    "who:bea,operator:": lambda r: r.who == "bea@example.org" or "operator:" in f"{r.who}{r.through}",
    "who:crowd": lambda r: r.who.startswith("crowd"),
    "-who:crowd": lambda r: not r.who.startswith("crowd"),
    "who:system:": lambda r: r.who == "system:worker",
    "-who:system:": lambda r: r.who != "system:worker",
    "who:nobody": lambda r: False,
    "who:%": lambda r: False,
    "action:user.": lambda r: r.action.startswith("user."),
    "action:user.activated": lambda r: r.action == "user.activated",
    "-action:user.": lambda r: not r.action.startswith("user."),
    "action:user. -action:user.signed_in": lambda r: r.action == "user.activated",
    "action:nothing": lambda r: False,
    "on:user": lambda r: on(r, "user"),
    "on:role,alert": lambda r: on(r, "role", "alert"),
    "-on:user": lambda r: not on(r, "user"),
    "on:role action:user.": lambda r: on(r, "role"),
    "on:role who:ana": lambda r: on(r, "role") and r.who == "ana@example.org",
    "who:bea on:user": lambda r: on(r, "user") and r.who == "bea@example.org",
    f"on:{THINGS[0]}": lambda r: r.resource_id == THINGS[0],
    f"on:user/{THINGS[0]}": lambda r: on(r, "user") and r.resource_id == THINGS[0],
    f"on:role,user/{THINGS[0]}": lambda r: on(r, "role") or (on(r, "user") and r.resource_id == THINGS[0]),
    f"-on:user/{THINGS[0]}": lambda r: not (on(r, "user") and r.resource_id == THINGS[0]),
    f"on:user/{THINGS[0]} who:ana action:user.activated": lambda r: (
        on(r, "user") and r.resource_id == THINGS[0] and r.who == "ana@example.org" and r.action == "user.activated"
    ),
    "from:10.0.1.1": lambda r: r.ip_address == "10.0.1.1",
    "from:10.0.2.*": lambda r: (r.ip_address or "").startswith("10.0.2."),
    "-from:10.0.*": lambda r: r.ip_address is None,
    "from:10.0.1.1 who:ana": lambda r: r.ip_address == "10.0.1.1" and r.who == "ana@example.org",
    "since:2026-01-04 until:2026-01-05": lambda r: "2026-01-04" <= at(r) < "2026-01-06",
    "who:ana until:2026-01-02": lambda r: r.who == "ana@example.org" and at(r) < "2026-01-03",
    "number:17,18": lambda r: r.seq in (17, 18),
    "#17 who:nobody": lambda r: False,
    "Orders": lambda r: True,
    '"orders 39"': lambda r: "orders 39" in json.dumps(r.details).lower(),
    "-orders": lambda r: False,
    "100%": lambda r: False,
    "who:crowd from:10.0.1.1 orders -on:alert": lambda r: (
        r.who.startswith("crowd") and r.ip_address == "10.0.1.1" and not on(r, "alert")
    ),
}


async def pages(data: Database, line: str, limit: int) -> list[AuditRecord]:
    found: list[AuditRecord] = []
    after: str | None = None
    for _ in range(500):
        async with data.reading() as session:
            page = await list_records(session, OPERATOR, filter=line, after=after, limit=limit)
        assert len(page.items) <= limit
        found += page.items
        after = page.next
        if after is None:
            return found
    raise AssertionError("it never ends")


@pytest.mark.parametrize("small", [False, True], ids=["at once", "in small windows"])
async def test_every_filter_finds_what_is_there(trail: Database, monkeypatch: pytest.MonkeyPatch, small: bool) -> None:
    if small:  # the same in many steps: windows of a few records, pages of nineteen
        monkeypatch.setattr(searching, "WINDOW", 12)
        monkeypatch.setattr(searching, "LEAST", 3)
        monkeypatch.setattr(searching, "PROBED", 30)
    everything = await pages(trail, "", 1_000)
    assert len(everything) == RECORDS
    assert everything == sorted(everything, key=lambda r: (r.at, r.seq), reverse=True)
    about = {r.seq for r in everything if r.who == "bea@example.org"}
    bea = next(r.user_id for r in everything if r.who == "bea@example.org")
    about |= {r.seq for r in everything if on(r, "user") and r.resource_id == bea}
    cases = CASES | {"about:bea": lambda r: r.seq in about}
    for line, holds in cases.items():
        wanted = [r.seq for r in everything if holds(r)]
        found = [r.seq for r in await pages(trail, line, 19 if small else 1_000)]
        assert found == wanted, line


async def test_counting(trail: Database) -> None:
    everything = await pages(trail, "", 1_000)
    async with trail.reading() as session:
        assert await count(session, OPERATOR, "number:1,2,3") == (3, True)
        assert await count(session, OPERATOR, "") == (100, False)
        newest = everything[3]
        assert await count(session, OPERATOR, "", (newest.at, newest.seq)) == (3, True)
        assert await count(session, OPERATOR, "number:1", (newest.at, newest.seq)) == (0, True)


async def test_one_record_and_what_its_thing_is_called(trail: Database) -> None:
    everything = await pages(trail, "about:bea on:user", 1_000)
    named = next(r for r in everything if r.name)
    async with trail.reading() as session:
        assert await get_record(session, OPERATOR, named.seq) == named
        assert named.thing == "user bea@example.org"
        with pytest.raises(NotFound):
            await get_record(session, OPERATOR, 99_999)
        for read in (get_record(session, Actor(None, "x"), 1), count(session, Actor(None, "x"), "")):
            with pytest.raises(NotAllowed, match="audit:view"):
                await read


async def test_completion(trail: Database) -> None:
    async def options(text: str) -> tuple[str, ...]:
        async with trail.reading() as session:
            return (await complete(session, OPERATOR, text, len(text))).options

    assert await options("wh") == ("who:",)
    assert await options("who:an") == ("ana@example.org", "anton@example.org")
    assert await options("who:op") == ("operator:ana@host", "operator:root@host")
    assert await options("action:us") == ("user.",)
    assert await options("action:user.") == ("user.activated", "user.signed_in")
    assert await options("on:") == ("alert", "dashboard", "role", "user")
    assert "10.0.1.1" in await options("from:10.0.1")
    assert await options("since:t") == ("today",)


# -- export ------------------------------------------------------------------------------------------------------------


async def test_export(trail: Database) -> None:
    parts: list[str] = []
    seen: list[int] = []
    done = await export(trail, OPERATOR, parts.append, filter="on:role", progress=seen.append)
    lines = [json.loads(line) for line in "".join(parts).splitlines()]
    assert done.records == len(lines) == seen[-1] == RECORDS // 16
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    assert {line["resource_type"] for line in lines} == {"role"}
    parts.clear()
    hostile = '=cmd|"/c calc"!A1'
    async with trail.transaction() as session:
        from datapulse_tui.audit.service import record

        await record(session, Actor(None, hostile), "thing.changed", "thing", None, note={"said": 'a,b\n"c"'})
    await export(trail, OPERATOR, parts.append, filter="on:thing", format=Format.CSV)
    head, row = csv.reader(io.StringIO("".join(parts)))
    found = dict(zip(head, row, strict=True))
    assert found["who"] == f"'{hostile}"
    assert json.loads(found["details"]) == {"note": {"said": 'a,b\n"c"'}}
    newest = (await pages(trail, "action:audit.exported", 10))[0]
    assert newest.details == {"note": {"filter": "on:thing", "format": "csv", "records": 1, "complete": True}}


async def test_an_export_that_ends_early_is_recorded_too(trail: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datapulse_tui.audit.export.AT_ONCE", 50)

    def full(text: str) -> None:
        if text:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        await export(trail, OPERATOR, full)
    (newest,) = await pages(trail, "action:audit.exported", 10)
    assert newest.details["note"]["complete"] is False
    with pytest.raises(NotAllowed):
        await export(trail, Actor(None, "x"), full)


# -- the commands ------------------------------------------------------------------------------------------------------


def datapulse(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["audit", *arguments])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def workspace(home: Path, database_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    monkeypatch.setenv("DATAPULSE_OWNER_URL", owner_url)
    with psycopg.connect(dsn(owner_url)) as connection:
        for statement in _FILL.split(";\n"):
            connection.execute(statement.encode())


def test_commands(workspace: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WINDOW", 20)
    found = json.loads(datapulse("list", "Orders on:role -who:crowd", "--json", "--limit", "5").stdout)
    assert len(found["records"]) == 5  # however many windows it takes
    assert datapulse("list", "rubbish:x", code=1).stderr.startswith("datapulse: There is no field")
    shown = datapulse("show", str(found["records"][0]["seq"])).stdout
    assert "Orders" in shown
    assert "before" in shown
    assert datapulse("show", "99999", code=1)
    file = tmp_path / "trail.csv"
    assert "25 records were written" in datapulse("export", str(file), "on:role", "--format", "csv").stderr
    assert file.read_text().count("\n") == 26
    assert "is there already" in datapulse("export", str(file), code=1).stderr
    assert "no format" in datapulse("export", str(tmp_path / "x"), "--format", "xml", code=1).stderr
    assert not (tmp_path / "x").exists()
    assert len(datapulse("export", "-", "on:role").stdout.splitlines()) == 25
    assert "no time" in datapulse("purge", "--before", "soon", "--export", str(tmp_path / "p"), "--yes", code=1).stderr


def test_purge_and_verify_export(workspace: None, tmp_path: Path) -> None:
    from tests.audit.test_verify import seal_by_worker

    seal_by_worker()
    datapulse("list")
    assert datapulse("verify").exit_code == 0
    seal_by_worker()
    file = tmp_path / "old.jsonl"
    later = (datetime.now(UTC) - timedelta(seconds=0)).isoformat()
    said = datapulse("purge", "--before", later, "--export", str(file), "--yes").stdout
    assert "400 records" in said
    assert "just these records were removed" in datapulse("verify-export", str(file)).stdout
    assert "400 records from before" in datapulse("verify").stdout
    text = file.read_bytes()
    file.write_bytes(text.replace(b"user.activated", b"user.deactivated", 1))
    assert "was altered" in datapulse("verify-export", str(file), code=1).stdout
    file.write_bytes(text)
    found = json.loads(datapulse("verify-export", str(file), "--json").stdout)
    assert (found["intact"], found["records"]) == (True, 400)
    assert "cannot be read" in datapulse("verify-export", str(tmp_path / "nothing"), code=1).stderr
