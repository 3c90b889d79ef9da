"""Addresses as psycopg takes them."""

from __future__ import annotations

import pytest

from datapulse_tui.data.address import libpq_arguments, shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql+psycopg://r:p%40@/datapulse?host=/tmp/a b",
            {"host": "/tmp/a b", "user": "r", "password": "p@", "dbname": "datapulse", "connect_timeout": "5"},
        ),
        (
            "postgresql://u@/d?host=a:5432&host=b:5433",
            {"host": "a,b", "port": "5432,5433", "target_session_attrs": "read-write"},
        ),
        ("postgresql://u@/d?host=a:1&host=b:2&target_session_attrs=any", {"target_session_attrs": "any"}),
        (
            "postgres://u@h:1/d?sslmode=require&connect_timeout=2&application_name=x",
            {"host": "h", "port": "1", "sslmode": "require", "connect_timeout": "2", "application_name": "mine"},
        ),
    ],
)
def test_an_address_as_libpq_takes_it(url: str, expected: dict[str, str]) -> None:
    found = libpq_arguments(url, "mine")
    assert {name: found.get(name) for name in expected} == expected
    assert found["keepalives"] == "1"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://datapulse_app@/datapulse?host=/tmp/a folder/run",
        "postgresql+psycopg://us%65r:p%2Fw%3A@db.example:6432/de%20sk?sslmode=require",
        "postgresql+psycopg://user@/desk?host=a:5432&host=b:5433",
        "postgresql+psycopg://user@localhost/desk",
        "postgresql+psycopg://user@[::1]:5432/desk",
    ],
)
def test_it_is_taken_apart_as_sqlalchemy_does(url: str) -> None:
    from sqlalchemy import make_url

    parsed = make_url(url)
    _, theirs = parsed.get_dialect()().create_connect_args(parsed)
    ours = libpq_arguments(url, "mine")
    for name in ("host", "port", "dbname", "user", "password", "sslmode"):
        assert ours.get(name) == (str(theirs[name]) if name in theirs else None), name


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://ana:s3cret@db.example:5433/desk", "db.example:5433/desk"),
        ("postgresql+psycopg://ana@/desk?host=/run/pg", "/run/pg/desk"),
        ("postgresql://ana@/desk?host=a:5432&host=b:5432", "a:5432, b:5432/desk"),
        ("postgresql://ana@/desk", "localhost/desk"),
    ],
)
def test_it_is_shown_without_credentials(url: str, expected: str) -> None:
    assert shown(url) == expected
