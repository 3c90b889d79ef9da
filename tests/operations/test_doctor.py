"""The doctor: a set-up in order, each thing that can be wrong with it, and a database that is away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from datapulse_tui.config import Secret, Settings
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.operations.doctor import database, examination, work
from datapulse_tui.operations.doctor.examination import ROWS, Check, examine
from datapulse_tui.operations.doctor.findings import Finding, Verdict, healthy
from datapulse_tui.operations.doctor.setup import Setup
from tests.databases import dsn
from tests.jobs.support import working

PASSWORD = "hunter2-hunter2"


@pytest.fixture
def settings(home: Path, database_url: str, owner_url: str) -> Settings:
    key = Secret(Fernet.generate_key().decode())
    return Settings(home=home, database_url=Secret(database_url), owner_url=Secret(owner_url), secret_key=key)


async def findings(settings: Settings) -> dict[str, Finding]:
    return {each.check: each.finding for each in await examine(settings)}


async def run(sql: str, data: Database, **values: object) -> None:
    async with data.transaction() as session:
        await session.execute(text(sql), values)


async def test_a_set_up_in_order(settings: Settings, database_url: str, data: Database) -> None:
    async with working(database_url):
        found = await findings(settings)
    allowed = {Verdict.OK, Verdict.SKIPPED}
    channels = found.pop("channels")
    assert channels.verdict is Verdict.WARNING
    assert found.pop("server").verdict is not Verdict.BAD  # the tests' own server runs without fsync
    assert {each.verdict for each in found.values()} <= allowed, found
    assert "a job was done" in found["job"].says
    assert found["terminal"].verdict is Verdict.SKIPPED


async def test_a_database_that_is_away_is_one_finding_and_the_rest_waits_for_it(home: Path, tmp_path: Path) -> None:
    url = f"postgresql://app:{PASSWORD}@127.0.0.1:1/datapulse"
    found = await examine(Settings(home=home, database_url=Secret(url)))
    by_id = {each.check: each.finding for each in found}
    assert by_id["database"].verdict is Verdict.BAD
    assert "127.0.0.1" in by_id["database"].says
    assert {by_id[name].verdict for name in ("server", "roles", "migrations", "workers", "sources")} == {
        Verdict.SKIPPED
    }
    assert by_id["python"].verdict is Verdict.OK
    assert PASSWORD not in repr(found)
    assert not healthy(found)


async def test_a_configuration_that_is_none(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('databse_url = "x"\n')
    found = {each.check: each.finding for each in await examine()}
    assert found["configuration"].verdict is Verdict.BAD
    assert "databse_url" in found["configuration"].says
    assert found["home"].verdict is Verdict.SKIPPED
    config.write_text(f'database_url = "postgresql://app:{PASSWORD}@127.0.0.1:1/x"\n')
    config.chmod(0o644)
    found = {each.check: each.finding for each in await examine()}
    assert found["configuration"].verdict is Verdict.BAD
    assert "chmod 600" in found["configuration"].todo
    assert PASSWORD not in repr(found)


async def test_a_key_file_that_others_can_read(settings: Settings, home: Path) -> None:
    key = home / "secret.key"
    key.write_text(Fernet.generate_key().decode())
    key.chmod(0o644)
    found = await findings(settings.changed(secret_key=None))
    assert found["key"].verdict is Verdict.BAD
    key.chmod(0o600)
    assert (await findings(settings.changed(secret_key=None)))["key"].verdict is Verdict.OK


async def test_an_application_role_that_can_do_too_much(settings: Settings, owner_url: str, superuser_url: str) -> None:
    found = await findings(settings.changed(database_url=Secret(owner_url)))
    assert found["roles"].verdict is Verdict.BAD
    assert "init-roles" in found["roles"].todo
    assert (await findings(settings.changed(database_url=Secret(superuser_url))))["roles"].verdict is Verdict.BAD
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("GRANT DELETE ON audit_logs TO datapulse_app")
    assert "can change the audit trail" in (await findings(settings))["roles"].says


async def test_a_schema_that_does_not_fit(settings: Settings, owner_url: str) -> None:
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    found = await findings(settings)
    assert "older" in found["migrations"].says
    assert found["workers"].verdict is Verdict.SKIPPED
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer" in (await findings(settings))["migrations"].says


async def test_secrets_under_a_key_that_is_gone(settings: Settings, data: Database) -> None:
    other = SecretBox([Fernet.generate_key().decode()], settings.home / "none")
    config = json.dumps(other.seal({"host": "x", "password": "y"}, frozenset({"password"})))
    await run(
        "INSERT INTO data_sources (name, type, connection_config) VALUES ('shop', 'postgresql', CAST(:c AS jsonb))",
        data,
        c=config,
    )
    found = await findings(settings)
    assert found["secrets"].verdict is Verdict.BAD
    assert "1 of 1" in found["secrets"].says
    assert found["sources"].verdict is Verdict.BAD
    assert "shop" in found["sources"].says


async def test_channels_are_looked_at_and_nothing_is_sent(settings: Settings, data: Database) -> None:
    box = SecretBox.from_settings(settings)
    hook = box.seal(
        {"url": f"https://no-such-host.invalid/{PASSWORD}", "secret": "s" * 20}, frozenset({"url", "secret"})
    )
    mail = {"host": "127.0.0.1", "port": 1, "security": "none", "sender": "a@example.org"}
    for name, type_, config in (("Hook", "webhook", hook), ("Mail", "email", mail)):
        await run(
            "INSERT INTO notification_channels (name, type, config) VALUES (:name, :type, CAST(:config AS jsonb))",
            data,
            name=name,
            type=type_,
            config=json.dumps(config),
        )
    found = await findings(settings)
    assert found["channels"].verdict is Verdict.BAD
    assert "Hook: The name no-such-host.invalid is not found" in found["channels"].says
    assert "Mail:" in found["channels"].says
    assert PASSWORD not in repr(found)


async def test_a_worker_that_beats_and_does_nothing(
    settings: Settings, data: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ROUND_TRIP_WITHIN", 0.2)
    await run("INSERT INTO procrastinate_workers DEFAULT VALUES", data)
    found = await findings(settings)
    assert found["job"].verdict is Verdict.BAD
    assert "stands as todo" in found["job"].says


async def test_a_pooler_that_passes_nothing_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: str) -> None:
        return None

    monkeypatch.setattr(database, "_echo", silent)
    found = await findings(settings)
    assert found["notifications"].verdict is Verdict.BAD
    assert "DATAPULSE_DIRECT_URL" in found["notifications"].todo


async def test_a_check_that_hangs_or_breaks_holds_nobody_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(_: Setup) -> Finding:
        await asyncio.sleep(60)
        raise AssertionError

    async def breaks(_: Setup) -> Finding:
        raise ZeroDivisionError("by nothing")

    strange = (Check("hangs", "Hangs", hangs, patience=0.05), Check("breaks", "Breaks", breaks))
    monkeypatch.setattr(examination, "ROWS", (strange, *ROWS[:1]))
    found = await findings(settings)
    assert "no answer within" in found["hangs"].says
    assert "ZeroDivisionError: by nothing" in found["breaks"].says
    assert found["python"].verdict is Verdict.OK


def test_the_command_ends_with_the_worst(
    home: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    monkeypatch.setenv("DATAPULSE_SECRET_KEY", Fernet.generate_key().decode())
    said = CliRunner().invoke(app, ["doctor", "--json"])
    found = json.loads(said.output)
    assert (said.exit_code == 0) == found["healthy"]
    assert {each["check"] for each in found["checks"]} == {check.id for row in ROWS for check in row}
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", f"postgresql://a:{PASSWORD}@127.0.0.1:1/x")
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 1
    assert "✗ bad" in said.output
    assert PASSWORD not in said.output
