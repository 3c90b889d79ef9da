from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from datapulse_tui.audit.clean import HIDDEN, Secret, clean, clean_mapping, clean_text, is_secret_name


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "db_password", "newPassword", "passwd", "api_key", "apiKey", "X-Api-Key", "key_hash",
        "secret", "client_secret", "clientSecret", "access-token", "token", "Authorization", "set-cookie", "dsn",
        "private_key", "signing_key", "credentials", "auth", "passphrase",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["name", "key", "author", "authors", "tokenizer", "primary_key", "keys", "secretary", "passed", "has_key"]
)
def test_names_that_are_none(name: str) -> None:
    assert not is_secret_name(name)


def test_secrets_do_not_get_in() -> None:
    hidden = "hunter2"
    value = {
        "connection_config": {"host": "db", "password": hidden, "url": f"postgresql://ana:{hidden}@db:5432/x"},
        "headers": [{"X-Api-Key": hidden}],
        "marked": Secret(hidden),
        "pydantic": SecretStr(hidden),
        "password": None,
    }
    text = json.dumps(clean_mapping(value))
    assert hidden not in text
    assert text.count(HIDDEN) == 5
    assert hidden not in repr(Secret(hidden))
    assert hidden not in f"{Secret(hidden)}"
    assert clean_mapping(value)["password"] is None


def test_an_address_keeps_all_but_its_password() -> None:
    assert clean_text("see postgresql://ana:pw%40@db/x and http://h/p") == (
        "see postgresql://ana:(secret)@db/x and http://h/p"
    )


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (datetime(2025, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2025-01-02T03:04:05.000006+00:00"),
        (date(2025, 1, 2), "2025-01-02"),
        (timedelta(seconds=90), "0:01:30"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Decimal("0.10"), "0.10"),
        (Colour.RED, "red"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"abc", "(3 bytes)"),
        ({"b", "a"}, ["a", "b"]),
        ((1, None, True), [1, None, True]),
        ("nul \0, surrogate \ud800", "nul \ufffd, surrogate ?"),
        ({1: {2: 3}}, {"1": {"2": 3}}),
    ],
)
def test_what_becomes_of_values(value: object, kept: object) -> None:
    assert clean(value) == kept


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(anything)
def test_everything_becomes_json_that_postgresql_takes(value: object) -> None:
    text = json.dumps(clean(value), allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")  # no lone surrogates
    assert "\\u0000" not in text
