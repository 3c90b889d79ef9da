"""`datapulse alert ...` as people type it, on a real database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from datapulse_tui.cli.main import app
from tests.databases import dsn

SETUP = """
INSERT INTO users (email, name, password, role, status) VALUES
    ('olga@example.org', 'Olga', '!', 'ops_manager', 'active'),
    ('bea@example.org', 'Bea', '!', 'business_user', 'active');
INSERT INTO data_sources (name, type) VALUES ('shop', 'postgresql');
INSERT INTO queries (user_id, name, sql, data_source_id)
    SELECT u.id, 'orders', 'SELECT 1 AS value', s.id FROM users u, data_sources s WHERE u.email = 'olga@example.org';
INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, status, severity)
    SELECT user_id, id, 'value', 'checkout', 'above', 10, 'triggered', 'critical' FROM queries;
INSERT INTO metric_series (query_id, metric, label_key, labels)
    SELECT q.id, 'value', md5(n::text), jsonb_build_object('host', 'h' || n)
    FROM queries q, generate_series(1, 4) n ORDER BY n;
INSERT INTO alert_series (alert_id, series_id, state, since)
    SELECT a.id, s.id, 'firing', now() FROM alerts a, metric_series s;
INSERT INTO alert_incidents (alert_id, series_id, title, labels, severity, opened_at, start_value)
    SELECT a.id, s.id, E'checkout: \\x1b[31m' || (s.labels->>'host'), s.labels, 'critical',
        now() - interval '90 min', 12
    FROM alerts a, metric_series s ORDER BY s.id;
"""


class Command:
    """Runs `datapulse alert` as `as_`."""

    def __call__(self, *arguments: str, as_: str = "olga@example.org") -> Result:
        return CliRunner().invoke(app, ["--as", as_, "alert", *arguments])

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = self(*arguments, "--json")
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)


@pytest.fixture
def alert(home: Path, database_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        connection.execute(SETUP)
    return Command()


def test_from_the_list_to_a_resolved_incident(alert: Command) -> None:
    done = alert("list", "severity:critical", "host:", "-state:snoozed")
    assert done.exit_code == 1
    assert "There is no field 'host' (character 19 of the filter)" in done.stderr
    lines = alert("list", "rule:checkout", "label:host=h1").stdout.splitlines()
    assert lines[0].split() == ["number", "severity", "state", "age", "value", "now", "who", "has", "it", "title"]
    assert lines[2].split()[:5] == ["1", "critical", "triggered", "1h30m", "12.0"]
    assert "\x1b" not in "".join(lines)
    assert len(alert.json("list", "--order", "oldest", "--limit", "2")) == 2
    done = alert("ack", "1")
    assert (done.exit_code, done.stdout.rstrip()[-12:]) == (0, "acknowledged")
    done = alert("ack", "#1")
    assert done.exit_code == 1
    assert "already acknowledged by Olga at" in done.stderr
    [outcome] = alert.json("ack", "1", "--undo")
    assert (outcome["incident"], outcome["done"], outcome["message"]) == ("1", True, "back to triggered")
    assert alert("assign", "1", "--to", "bea@example.org").stdout.rstrip().endswith("assigned to Bea")
    assert alert("comment", "1", "-m", "looking").exit_code == 0
    assert alert("resolve", "1", "--comment", "restarted").exit_code == 0
    view = alert.json("show", "1")
    assert (view["row"]["status"], view["row"]["assigned_to"]["email"]) == ("resolved", "bea@example.org")
    assert [event["kind"] for event in view["events"]] == [
        "acknowledged", "unacknowledged", "assigned", "commented", "resolved",
    ]  # fmt: skip
    shown = alert("show", "1").stdout
    assert "restarted" in shown
    assert "\x1b" not in shown
    assert alert("resolve", "1", "--undo").exit_code == 0


def test_many_at_once_end_with_what_became_of_them(alert: Command) -> None:
    assert alert("resolve", "2").exit_code == 0
    outcomes = alert.json("ack", "1", "2", "99", "3", code=3)
    assert [each["done"] for each in outcomes] == [True, False, False, True]
    assert outcomes[1]["message"].startswith("already resolved by Olga")
    assert outcomes[2]["message"] == "there is no such incident, or it is not one of yours"
    assert alert("ack", "2", "99").exit_code == 1
    done = alert("ack", "99")
    assert done.exit_code == 1
    assert "There is no such incident" in done.stderr
    assert alert("ack", "twelve").exit_code == 1
    assert alert("ack", "1", as_="bea@example.org").exit_code == 1


def test_snoozing_needs_an_end_and_a_reason(alert: Command) -> None:
    for arguments, words in (
        (("--for", "1h"), "needs a reason"),
        (("--reason", "known"), "needs an end"),
        (("--reason", "known", "--for", "soon"), "no length of time"),
        (("--reason", "known", "--for", "1h", "--until", "2026-01-01"), "one end"),
        (("--reason", "known", "--until", "2026-01-01"), "in the past"),
        (("--reason", "known", "--for", "8h"), "only with an approval"),
    ):
        done = alert("snooze", "1", *arguments)
        assert done.exit_code == 1
        assert words in done.stderr
    assert alert("snooze", "1", "2", "--until-recovery", "--reason", "known").exit_code == 0
    assert [row["status"] for row in alert.json("list", "number:1,2")] == ["snoozed", "snoozed"]
    assert alert("snooze", "1", "2", "--undo").exit_code == 0


def test_why_answers_for_everybody_and_for_one(alert: Command) -> None:
    [row] = alert.json("why", "1", "--person", "bea@example.org")
    assert (row["recipient"], row["outcome"]) == ("Bea", "not told")
    assert row["reason"] == "not among the recipients: the rule tells nobody"
    assert "the rule tells nobody" in alert("why", "1").stdout


def test_rules_are_a_part_of_it(alert: Command) -> None:
    assert "checkout" in alert("rule", "list").stdout
