"""Addresses as psycopg takes them."""

from __future__ import annotations

import pytest

from datapulse_tui.data.direct import libpq_arguments


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
