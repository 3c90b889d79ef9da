"""Parameters and literals, token by token."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.errors import Invalid
from datapulse_tui.sources.guard import Policy, check
from tests.databases import Server, dsn

POSTGRES = Policy("postgres")
DUCKDB = Policy("duckdb")


@pytest.mark.parametrize(
    ("written", "sent", "names"),
    [
        ("SELECT :a", "SELECT $1", ("a",)),
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ("a", "b")),
        ("SELECT :a::int, b::text", "SELECT $1::int, b::text", ("a",)),
        ("SELECT x WHERE t >= :from AND t < :to", "SELECT x WHERE t >= $1 AND t < $2", ("from", "to")),
        ("SELECT :select, :where, :order", "SELECT $1, $2, $3", ("select", "where", "order")),
        ("SELECT ':a', \":b\", $$:c$$, E':d' -- :e\n, /* :f */ 1", "SELECT ':a', \":b\", $$:c$$, E':d'\n, 1", ()),
        ("SELECT a[1:2], a[1:n], a[:n], a[:n:2]", "SELECT a[1:2], a[1:n], a[$1], a[$1:2]", ("n",)),
        ("SELECT x WHERE a=:a AND b IN(:b,:c)", "SELECT x WHERE a=$1 AND b IN($2,$3)", ("a", "b", "c")),
        ("SELECT 'it''s' || :a || '100%'", "SELECT 'it''s' || $1 || '100%'", ("a",)),
        ("SELECT 5 % :a, 'x' LIKE '%s'", "SELECT 5 % $1, 'x' LIKE '%s'", ("a",)),
        ("SELECT j -> 'a' ->> :k, j #>> '{a}', j ? :k", "SELECT j -> 'a' ->> $1, j #>> '{a}', j ? $1", ("k",)),
        ("SELECT -:a, NOT :b, (:c)", "SELECT -$1, NOT $2, ($3)", ("a", "b", "c")),
        ("SELECT 1 LIMIT :n OFFSET :m", "SELECT 1 LIMIT $1 OFFSET $2", ("n", "m")),
    ],
)  # fmt: skip
def test_parameters_are_found_and_nothing_else_is(written: str, sent: str, names: tuple[str, ...]) -> None:
    checked = check(written, POSTGRES)
    assert (checked.sql, checked.names) == (sent, names)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("SELECT :a", ("a",)),
        ("SELECT {'a': :x, b: 1, c:y, 'from': :from}", ("x", "from")),
        ("SELECT [1, 2][1:2], l[:n]", ("n",)),
        ("SELECT alias: 42", ()),
    ],
)
def test_duckdbs_colons_are_told_apart(written: str, names: tuple[str, ...]) -> None:
    assert check(written, DUCKDB).names == names


def test_missing_values_are_named_and_further_ones_left_out() -> None:
    checked = check("SELECT :a, :b, :c", POSTGRES)
    with pytest.raises(Invalid, match=":a, :c") as caught:
        checked.bind({"b": 1})
    assert "--param" in caught.value.hint
    assert checked.bind({"c": 3, "b": 2, "a": 1, "further": 4}) == [1, 2, 3]


def test_places_are_those_of_the_text_as_written() -> None:
    checked = check("SELECT /* gone */ :long_name,\n  b FROM t", POSTGRES)
    assert checked.place(checked.sql.index("b FROM")) == "line 2, column 3"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
plain = st.text(st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="\x00"), max_size=20)
pieces = st.one_of(
    names.map(lambda name: ("parameter", name)),
    plain.map(lambda text: ("literal", text)),
    plain.filter(lambda text: "$" not in text).map(lambda text: ("dollar", text)),
    plain.map(lambda text: ("comment", text.replace("\n", " "))),
    plain.filter(lambda text: "*/" not in text and "/*" not in text and not text.endswith(("/", "*"))).map(
        lambda text: ("block", text)
    ),
    plain.map(lambda text: ("quoted", text.replace('"', "") + "x")),
)
gaps = st.sampled_from(["", " ", "\n", "\t "])


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, list[str], list[str]]:
    """A SELECT of literals, comments and parameters: its text, its literals and its parameters' names in order."""
    text, literals, used = "SELECT 1", [], []
    for kind, value in draw(st.lists(pieces, max_size=8)):
        gap = draw(gaps)
        if kind == "comment":
            text += f"{gap}--{value}\n"
        elif kind == "block":
            text += f"{gap}/* {value} */"
        elif kind == "quoted":
            text += f',{gap}1 AS "{value}"'
        elif kind == "parameter":
            text += f",{gap}:{value}::text"
            used.append(value)
        else:
            text += f",{gap}" + (literal(value) if kind == "literal" else f"$q${value}$q$")
            literals.append(value)
    return text, literals, used


@given(queries())
def test_whatever_stands_around_them_parameters_are_found(made: tuple[str, list[str], list[str]]) -> None:
    text, _, used = made
    checked = check(text, POSTGRES)
    assert checked.names == tuple(dict.fromkeys(used))
    assert "--" not in strip_literals(checked.sql)


def strip_literals(sql: str) -> str:
    import re

    return re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"|\$q\$.*?\$q\$", "", sql, flags=re.DOTALL)


def test_the_server_reads_it_as_it_was_written(server: Server) -> None:
    """Literals and values come back unchanged from a real server, whatever is in them."""
    with psycopg.connect(dsn(server.superuser), autocommit=True) as connection:
        cursor = psycopg.RawCursor(connection)

        @given(queries(), st.data())
        def round_trip(made: tuple[str, list[str], list[str]], data: st.DataObject) -> None:
            text, literals, used = made
            checked = check(text, POSTGRES)
            values = {name: data.draw(plain) for name in used}
            cursor.execute(checked.sql.encode(), checked.bind(values))
            row = cursor.fetchone()
            assert row is not None
            expected = [*literals, *(values[name] for name in used)]
            assert sorted(value for value in row if isinstance(value, str)) == sorted(expected)

        round_trip()
