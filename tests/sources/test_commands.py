"""`datapulse source` and `datapulse query` as somebody types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result as Outcome
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from datapulse_tui.cli.query import parse_params
from datapulse_tui.errors import Invalid
from tests.sources.conftest import SourceServer

Run = Callable[..., Outcome]


@pytest.fixture
def run(home: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command line on this test's database and returns exit code, stdout and stderr."""
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    monkeypatch.setenv("DATAPULSE_ALLOWED_CSV_FOLDERS", str(tmp_path))
    monkeypatch.delenv("DATAPULSE_SECRET_KEY", raising=False)
    runner = CliRunner()

    def invoke(*words: str, stdin: str | None = None, fails: bool = False) -> Outcome:
        done = runner.invoke(app, list(words), input=stdin)
        assert (done.exit_code != 0) is fails, f"{done.stdout}{done.stderr}{done.exception!r}"
        return done

    return invoke


@pytest.fixture
def shop(run: Run, source_server: SourceServer) -> Run:
    run("source", "add", "shop", "--type", "postgresql", *options(source_server.config))
    return run


def options(config: dict[str, Any]) -> list[str]:
    return [word for key, value in config.items() for word in (f"--{key}", str(value))]


def test_a_source_from_add_to_query(run: Run, source_server: SourceServer, tmp_path: Path) -> None:
    added = run(
        "source", "add", "shop", "--type", "postgresql", *options(source_server.config), "--password-stdin",
        stdin="hunter2\n",
    )  # fmt: skip
    assert "It answers: PostgreSQL" in added.stdout
    assert "1 table" in added.stdout
    listed = json.loads(run("source", "list", "--json").stdout)
    assert [(row["name"], row["status"]) for row in listed] == [("shop", "connected")]
    assert "hunter2" not in run("source", "list", "--json").stdout + run("source", "check", "shop", "--json").stdout
    table = run("query", "run", "SELECT id, amount FROM shop.orders ORDER BY id", "--source", "shop", "--limit", "2")
    assert "1    1.00" in table.stdout
    assert "2 rows of more" in table.stderr
    (tmp_path / "people.csv").write_text("name\n=1+1\n")
    run("source", "add", "files", "--type", "csv", "--path", str(tmp_path / "people.csv"))
    assert run("query", "run", "FROM people", "-s", "files", "--csv").stdout == "name\n'=1+1\n"


def test_answers_as_json_and_csv(shop: Run) -> None:
    sql = "SELECT :n::int AS n, :t AS t, NULL AS z, -1.5 AS d"
    done = shop("query", "run", sql, "--source", "shop", "--param", "n=7", "-p", "t=@x", "--json")
    answer = json.loads(done.stdout)
    assert answer["rows"] == [[7, "@x", None, -1.5]]
    assert [column["kind"] for column in answer["columns"]] == ["number", "text", "text", "number"]
    assert answer["truncated"] is False
    csv = shop("query", "run", sql, "--source", "shop", "-p", "n=7", "-p", "t=@x", "--csv")
    assert csv.stdout == "n,t,z,d\n7,'@x,,-1.5\n"
    cut = shop("query", "run", "SELECT 1 UNION ALL SELECT 2", "--source", "shop", "--limit", "1", "--csv")
    assert "1 row of more" in cut.stderr


def test_sql_from_stdin(shop: Run) -> None:
    assert "42" in shop("query", "run", "-", "--source", "shop", stdin="SELECT 42 AS a").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["source", "add", "x", "--type", "mysql", "--host", "h"], "'mysql' is not in this version"),
        (["source", "add", "x", "--type", "csv", "--path", "/etc"], "not inside a folder"),
        (["source", "add", "shop", "--type", "postgresql", "--host", "h", "--dbname", "d", "--user", "u"], "already"),
        (["source", "check", "nothing"], "no source called 'nothing'"),
        (["source", "update", "shop"], "nothing to change"),
        (["source", "grant", "shop", "nobody@example.com"], "nobody with the address"),
        (["query", "run", "DELETE FROM shop.orders", "--source", "shop"], "DELETE is refused"),
        (["query", "run", "SELECT pg_sleep(1)", "--source", "shop"], "--allow-function pg_sleep"),
        (["query", "run", "SELECT :x", "--source", "shop"], "--param x=VALUE"),
        (["query", "run", "SELECT 1", "--source", "shop", "--param", "x"], "NAME=VALUE"),
        (["query", "run", "SELECT 1", "--source", "shop", "--json", "--csv"], "Only one of"),
        (["query", "save", "q", "--sql", "SELECT 1", "--source", "shop"], "--as EMAIL"),
    ],
)
def test_what_goes_wrong_is_one_message(shop: Run, words: list[str], said: str) -> None:
    done = shop(*words, fails=True)
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_changing_a_source(shop: Run) -> None:
    shop("source", "update", "shop", "--rename", "store", "--allow-function", "pg_sleep", "--statement-timeout", "9")
    shop("query", "run", "SELECT pg_sleep(0)", "--source", "store")
    failed = shop("source", "update", "store", "--dbname", "gone", fails=True)
    assert "has no database gone" in failed.stderr


def test_grants_and_saved_queries_of_a_person(shop: Run) -> None:
    shop("user", "add", "ana@example.com", "--name", "Ana", "--role", "analyst", "--password-stdin", "--activate",
         stdin="correct horse battery\n")  # fmt: skip
    ana = ("--as", "ana@example.com")
    assert "not granted" in shop(*ana, "query", "run", "SELECT 1", "--source", "shop", fails=True).stderr
    assert "may now query" in shop("source", "grant", "shop", "ana@example.com").stdout
    assert "may already" in shop("source", "grant", "shop", "ana@example.com").stdout
    shop(*ana, "query", "save", "one", "--sql", "SELECT :n", "--source", "shop")
    listed = json.loads(shop(*ana, "query", "list", "--json").stdout)
    assert [(row["name"], row["source"], row["owner"]) for row in listed] == [("one", "shop", "ana@example.com")]
    assert "one" in shop("query", "list").stdout
    shop("source", "revoke", "shop", "ana@example.com")
    assert "not granted" in shop(*ana, "query", "run", "SELECT 1", "--source", "shop", fails=True).stderr


def test_parameters_are_typed_by_how_they_look() -> None:
    values = parse_params(["a=1", "b=-1.5", "c=true", "d=null", "e=x=y", "f:=007", "g=2024-01-01", "h=", "i=1e3"])
    assert [repr(value) for value in values.values()] == [
        "1", "Decimal('-1.5')", "True", "None", "'x=y'", "'007'", "'2024-01-01'", "''", "Decimal('1E+3')",
    ]  # fmt: skip
    for word in ("noequals", "=1", "a b=1", "1a=2"):
        with pytest.raises(Invalid):
            parse_params([word])
