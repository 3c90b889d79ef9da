"""The read-only guard as a pure function: tables of what passes and what does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from datapulse_tui.errors import Invalid
from datapulse_tui.sources.guard import Policy, check
from tests.sources import statements

POSTGRES = Policy("postgres")
DUCKDB = Policy("duckdb", tables=frozenset({"orders", "we.ird name"}))


def short(text: str) -> str:
    return text[:60]


@pytest.mark.parametrize("sql", statements.POSTGRES_ACCEPTED, ids=short)
def test_postgres_passes(sql: str) -> None:
    check(sql, POSTGRES)


@pytest.mark.parametrize("sql", statements.POSTGRES_REFUSED, ids=short)
def test_postgres_refuses(sql: str) -> None:
    with pytest.raises(Invalid) as caught:
        check(sql, POSTGRES)
    assert caught.value.hint
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("sql", statements.DUCKDB_ACCEPTED, ids=short)
def test_duckdb_passes(sql: str) -> None:
    check(sql, DUCKDB)


@pytest.mark.parametrize("sql", statements.DUCKDB_REFUSED, ids=short)
def test_duckdb_refuses(sql: str) -> None:
    with pytest.raises(Invalid):
        check(sql, DUCKDB)


def test_the_lists_are_long_enough_to_mean_something() -> None:
    assert len(statements.POSTGRES_ACCEPTED) >= 60
    assert len(statements.POSTGRES_REFUSED) >= 60


def test_an_unknown_function_is_named_with_its_place_and_what_to_do() -> None:
    with pytest.raises(Invalid) as caught:
        check("SELECT 1,\n       pg_sleep(1)", POSTGRES)
    assert "pg_sleep" in caught.value.message
    assert "line 2, column 8" in caught.value.message
    assert "--allow-function pg_sleep" in caught.value.hint


def test_sql_that_cannot_be_read_is_told_with_its_place() -> None:
    with pytest.raises(Invalid, match="line 2, column 3"):
        check("SELECT\n  'abc", POSTGRES)
    with pytest.raises(Invalid, match="line 1, column"):
        check("SELECT (1", POSTGRES)


def test_an_administrator_adds_functions() -> None:
    check("SELECT my_function(1)", Policy("postgres", frozenset({"my_function"})))
    check("SELECT app.my_function(1)", Policy("postgres", frozenset({"app.my_function"})))
    with pytest.raises(Invalid):
        check("SELECT other.my_function(1)", Policy("postgres", frozenset({"my_function"})))
    with pytest.raises(Invalid):
        check("SELECT my_function(1)", Policy("postgres", frozenset({"app.my_function"})))


def test_a_column_may_be_called_like_a_function_where_it_cannot_be_a_call() -> None:
    check("SELECT t.pg_read_file FROM t", POSTGRES)
    check("SELECT s.pg_read_file FROM (SELECT 1 AS pg_read_file) AS s", POSTGRES)


def test_comments_are_not_sent() -> None:
    assert check("SELECT /* a */ 1 -- b\n+ 2", POSTGRES).sql == "SELECT 1\n+ 2"


def test_the_guard_is_quick_for_what_it_has_seen() -> None:
    assert check("SELECT 1", POSTGRES) is check("SELECT 1", POSTGRES)


def test_rules_import_nothing_heavy() -> None:
    code = (
        "import sys, datapulse_tui.sources.rules, datapulse_tui.sources.pool, datapulse_tui.sources.reads, "
        "datapulse_tui.sources.service, datapulse_tui.data.secrets, datapulse_tui.cli.source, datapulse_tui.cli.query\n"
        "heavy = {'sqlalchemy', 'textual', 'httpx', 'psycopg', 'pydantic', 'duckdb', 'sqlglot', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
