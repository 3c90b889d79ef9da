"""Dashboards as files: an exact round trip, and every slip told with its line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from datapulse_tui.dashboards.as_code import InvalidFile, dump, load, load_file
from datapulse_tui.dashboards.checking import check
from datapulse_tui.errors import Invalid
from tests.dashboards.documents import dashboards
from tests.dashboards.hostile_files import HOSTILE

EXAMPLE = """\
name: Orders
description: |-
  All about orders.
  In two lines.
public: true
refresh: 30s
time_range: 7d
variables:
  - name: region
    type: choice
    label: "Region: where"
    options:
      - north
      - 5
    default: north
  - name: service
    type: choice
    options:
      source: shop
      query: |
        SELECT DISTINCT service
        FROM t
widgets:
  - title: Orders per hour
    type: line_chart
    source: shop
    query: |
      SELECT date_bin(:bucket, at, :from) AS at, count(*) AS orders
      FROM orders
      WHERE region = :region
      GROUP BY 1
    config:
      legend: top
      thresholds:
        - value: 0.5
          label: SLO
          severity: critical
    position: {x: 0, y: 0, w: 6, h: 4}
  - title: Note
    type: text
    config:
      markdown: |
        # Hello
        there
    position: {x: 6, y: 0, w: 6, h: 4}
shares:
  - email: ana@example.org
    permission: edit
"""


def test_the_example_is_what_is_written() -> None:
    (loaded,) = load(EXAMPLE.encode(), "x.yaml")
    assert dump([loaded.document.plain()]) == EXAMPLE


def test_several_dashboards_in_one_file() -> None:
    text = EXAMPLE + "---\nname: Second\nwidgets: []\n"
    loaded = load(text.encode(), "x.yaml")
    assert [each.document.name for each in loaded] == ["Orders", "Second"]
    assert dump([each.document.plain() for each in loaded]) == text


@given(st.lists(dashboards, min_size=1, max_size=2, unique_by=lambda each: each["name"]))
def test_round_trip(values: list[dict[str, Any]]) -> None:
    plain = [check(value).plain() for value in values]
    text = dump(plain)
    loaded = [each.document.plain() for each in load(text.encode(), "x.yaml")]
    assert loaded == plain
    assert dump(loaded) == text
    assert [check(each).plain() for each in YAML(typ="safe", pure=True).load_all(text)] == plain


@given(st.text(st.sampled_from("ab:-#'\"|>{}[],&*!%@`~?.0 \n\t")) | st.binary())
def test_any_text_is_read_or_refused_with_a_line(text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    slips: tuple[str, ...] = ()
    try:
        load(content, "f.yaml")
    except InvalidFile as error:
        slips = error.slips
    assert all(slip.startswith("f.yaml:") and slip.split(":")[1].isdigit() for slip in slips)


@pytest.mark.parametrize(("content", "expected"), HOSTILE, ids=[str(each) for each in range(len(HOSTILE))])
def test_hostile_files(content: str | bytes, expected: list[str]) -> None:
    with pytest.raises(InvalidFile) as caught:
        load(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"), "bad.yaml")
    assert sorted(caught.value.slips) == sorted(f"bad.yaml:{each}" for each in expected)


def test_every_slip_of_a_file_is_told_at_once_in_the_order_of_lines() -> None:
    text = "name: 5\npublic: maybe\n---\nrefresh: 1s\nname: B\nwidgets: 1\n"
    with pytest.raises(InvalidFile) as caught:
        load(text.encode(), "f.yaml")
    assert [slip.split(": ")[0] for slip in caught.value.slips] == ["f.yaml:1", "f.yaml:2", "f.yaml:4", "f.yaml:6"]


def test_a_large_file_is_read_in_reasonable_time() -> None:
    widget = "- {title: T, type: text, config: {markdown: m}, position: {x: 0, y: 0, w: 1, h: 1}}\n"
    content = ("name: A\nwidgets:\n" + widget * 400).encode()
    started = time.process_time()
    with pytest.raises(InvalidFile, match="at most 60"):
        load(content, "f.yaml")
    assert time.process_time() - started < 5


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="No such file"):
        load_file(tmp_path / "none.yaml")
    with pytest.raises(Invalid, match="Is a directory"):
        load_file(tmp_path)
