"""Keyset pages bring every row once, in order, whatever the values."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Row, Select, select

from datapulse_tui.data.database import Database
from datapulse_tui.data.models import Department
from datapulse_tui.data.page import SortKey, decode_cursor, encode_cursor, keyset, make_page
from datapulse_tui.errors import Invalid

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.uuids(), st.dates(),
    st.datetimes(timezones=st.just(UTC)), st.decimals(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@given(st.lists(VALUES, max_size=5))
def test_a_cursor_gives_back_what_it_was_made_of(values: list[Any]) -> None:
    decoded = decode_cursor(encode_cursor(values), len(values))
    assert decoded == values
    assert [type(value) for value in decoded] == [type(value) for value in values]


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused(text: str) -> None:
    try:
        decode_cursor(text, 3)
    except Invalid:
        return
    assert len(decode_cursor(text, 3)) == 3


@pytest.mark.parametrize(
    "value", [datetime(2026, 3, 29, 1, 30, tzinfo=UTC), date(2026, 1, 1), UUID(int=7), Decimal("0.10"), math.pi]
)
def test_a_cursor_of_another_order_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match="another order"):
        decode_cursor(encode_cursor([value]), 2)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_pages_bring_every_row_once_in_order(data: Database, limit: int, descending: bool) -> None:
    async with data.transaction() as session:
        session.add_all([Department(name=f"d{number}", description=f"group {number % 3}") for number in range(20)])
    keys = [SortKey(Department.description.expression, descending), SortKey(Department.name.expression)]
    statement: Select[Any] = select(Department.description, Department.name)
    seen: list[tuple[str, str]] = []
    cursor: str | None = None
    async with data.reading() as session:
        while True:
            rows: list[Row[Any]] = list((await session.execute(keyset(statement, keys, cursor, limit))).all())
            page = make_page(rows, limit, lambda row: (row[0], row[1]), lambda row: (row[0], row[1]))
            assert len(page.items) <= limit
            seen += page.items
            cursor = page.next
            if cursor is None:
                break
    everything = [(f"group {number % 3}", f"d{number}") for number in range(20)]
    expected = sorted(sorted(everything, key=lambda row: row[1]), key=lambda row: row[0], reverse=descending)
    assert seen == expected
