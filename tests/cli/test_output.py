"""How commands print: aligned, harmless to terminals and spreadsheets, readable by programs."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.cli import output

CONTROL = {chr(code) for code in (*range(32), 127, *range(128, 160))} - {"\n"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"), ("+49 30", "'+49 30"), ("-cmd", "'-cmd"), ("@x", "'@x"), ("\tx", "'\tx"), ("\rx", "'\rx"),
        (-5, "-5"), (Decimal("-0.5"), "-0.5"), (1.5, "1.5"), (None, ""), ("plain", "plain"), (True, "True"),
    ],
)  # fmt: skip
def test_csv_cells_are_neutral_and_numbers_stay_numbers(
    capsys: pytest.CaptureFixture[str], value: object, expected: str
) -> None:
    output.emit_csv(["a", "b"], [(value, "x")])
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))
    assert rows == [["a", "b"], [expected, "x"]]


def test_tables_are_aligned_also_with_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit_table(["name", "n"], [("東京", 5), ("Ana", 12_000)])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["name      n", "────  ─────", "東京      5", "Ana   12000"]


@given(st.lists(st.tuples(st.text(), st.one_of(st.none(), st.integers(), st.floats(), st.text())), max_size=5))
def test_nothing_in_a_table_can_steer_the_terminal(rows: list[tuple[Any, ...]]) -> None:
    import contextlib

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        output.emit_table(["\x1b[2Jname", "value"], rows)
    assert CONTROL.isdisjoint(stream.getvalue())
    assert stream.getvalue().count("\n") == len(rows) + 2


def test_json_holds_every_kind_of_value(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    output.emit_json(
        {"t": moment, "u": UUID(int=1), "d": Decimal("1.5"), "i": Decimal(3), "n": float("nan"), "l": (1,)}
    )
    assert json.loads(capsys.readouterr().out) == {
        "t": "2026-01-02T03:04:00+00:00", "u": str(UUID(int=1)), "d": 1.5, "i": 3, "n": "nan", "l": [1],
    }  # fmt: skip
