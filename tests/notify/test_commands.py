"""`datapulse channel` and `datapulse delivery` as somebody types them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from click.testing import Result as Outcome
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from datapulse_tui.config import load_settings
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.jobs.worker import WorkerOptions, work
from tests.databases import dsn
from tests.notify.outbox import World
from tests.notify.receivers import Answer, http_receiver, mailbox

Run = Callable[..., Outcome]
SECRET = "a signing secret of ours"


@pytest.fixture
def run(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command line on this test's database and returns exit code, stdout and stderr."""
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    monkeypatch.delenv("DATAPULSE_SECRET_KEY", raising=False)
    monkeypatch.delenv("DATAPULSE_CHANNEL_SECRET", raising=False)
    runner = CliRunner()

    def invoke(*words: str, stdin: str | None = None, fails: bool = False) -> Outcome:
        done = runner.invoke(app, list(words), input=stdin)
        assert (done.exit_code != 0) is fails, f"{done.stdout}{done.stderr}{done.exception!r}"
        return done

    return invoke


def test_a_webhook_from_add_to_remove(run: Run) -> None:
    with http_receiver() as hook:
        run("channel", "add", "Ops", "--type", "webhook", stdin=f"{hook.url}\n{SECRET}\n")
        listed = run("channel", "list", "--json").stdout
        [row] = json.loads(listed)
        assert (row["name"], row["type"], row["is_default"], row["problem"]) == ("Ops", "webhook", True, "")
        assert "secret-part" not in listed
        assert SECRET not in listed
        assert "took it" in run("channel", "test", "Ops").stdout
        hook.answers = [Answer(403, b"\x1b[31mno")]
        failed = run("channel", "test", "Ops", "--json", fails=True)
        assert json.loads(failed.stdout)["answer"] == "HTTP 403:  [31mno"
    run("channel", "update", "Ops", "--rename", "Hook", "--off")
    run("channel", "update", "Hook", "--secret-stdin", stdin="another secret of ours\n")
    assert "no" in run("channel", "list").stdout
    assert "nothing to change" in run("channel", "update", "Hook", fails=True).stderr
    assert "Deleted the channel Hook" in run("channel", "remove", "Hook").stdout
    assert "There is no channel" in run("channel", "remove", "Hook", fails=True).stderr


def test_mail_with_the_password_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPULSE_CHANNEL_SECRET", "from the environment")
    with mailbox() as box:
        words = ("--host", "localhost", "--port", str(box.port), "--security", "none", "--sender", "pulse@example.com")
        run("channel", "add", "Mail", "--type", "email", *words)
        run("channel", "test", "Mail", "--to", "ana@example.com")
        assert [mail.rcpt_tos for mail in box.mails] == [["ana@example.com"]]
        assert "needs an address" in run("channel", "test", "Mail", fails=True).stderr
    run("channel", "add", "Other", "--type", "email", *words, "--username", "ana")
    assert "not a type" in run("channel", "add", "Fax", "--type", "fax", fails=True).stderr
    assert "no address on stdin" in run("channel", "add", "X", "--type", "slack", stdin="", fails=True).stderr


def test_deliveries_are_listed_shown_and_retried(run: Run, database_url: str) -> None:
    with psycopg.connect(dsn(database_url)) as connection:
        connection.execute(
            "INSERT INTO deliveries (key, kind, channel_type, status, reason, message_id, attempts) "
            "VALUES ('a', 'trigger', 'email', 'failed', 'gave up', gen_random_uuid(), 12), "
            "('b', 'trigger', 'email', 'suppressed', 'snoozed', NULL, 0)"
        )
        connection.execute(
            "INSERT INTO delivery_attempts (message_id, succeeded, answer, took_ms) "
            "SELECT message_id, false, '451 later', 7 FROM deliveries WHERE key = 'a'"
        )
    assert len(json.loads(run("delivery", "list", "--json").stdout)) == 2
    [failed] = json.loads(run("delivery", "list", "--status", "failed", "--json").stdout)
    assert "gave up" in run("delivery", "list").stdout
    shown = run("delivery", "show", failed["id"]).stdout
    assert "not taken after 7 ms: 451 later" in shown
    assert json.loads(run("delivery", "show", failed["id"], "--json").stdout)["attempts"][0]["answer"] == "451 later"
    assert "1 notification is sent again" in run("delivery", "retry", failed["id"]).stdout
    assert "None of these" in run("delivery", "retry", "--all", fails=True).stderr
    assert "Give the notifications" in run("delivery", "retry", fails=True).stderr
    assert "not the id" in run("delivery", "show", "x", fails=True).stderr
    assert "no status" in run("delivery", "list", "--status", "lost", fails=True).stderr
    assert run("delivery", "list", "--channel", "nothing", fails=True).exit_code == 1


async def test_the_whole_way_with_a_worker(world: World, database_url: str, home: Path) -> None:
    """From a queued intent through the queue and the job to the receiver, as it is in production."""
    box = SecretBox.from_settings(load_settings())
    with http_receiver() as hook:
        await replace(world, secrets=box).webhook(hook.url)
        stop = asyncio.Event()
        worker = asyncio.create_task(work(database_url, WorkerOptions(), stop, lent=(load_settings(),)))
        try:
            await world.queue(world.intent("webhook", await world.incident()))
            async with asyncio.timeout(15):
                while await world.statuses() != ["sent"]:  # noqa: ASYNC110  (nobody tells us)
                    await asyncio.sleep(0.02)
        finally:
            stop.set()
            await worker
        assert len(hook.requests) == 1
