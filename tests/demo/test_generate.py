"""The sample files: the same from the same seed, sliding with the days, in a realistic shape, small and quick."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean

import pytest

from datapulse_tui.demo import generate, seasons

NOW = datetime(2026, 3, 18, 14, 7, tzinfo=UTC)
DIGESTS = """
import hashlib
from datetime import UTC, datetime
from datapulse_tui.demo import generate
now = datetime(2026, 3, 18, 14, 7, tzinfo=UTC)
print([hashlib.sha256(generate.content(name, now).encode()).hexdigest() for name in generate.FILES])
"""


def rows(name: str, now: datetime = NOW) -> list[dict[str, str]]:
    return list(csv.DictReader(generate.content(name, now).splitlines()))


def test_two_processes_make_the_same_files():
    def digests(seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed}
        ran = subprocess.run(
            [sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()

    here = [hashlib.sha256(generate.content(name, NOW).encode()).hexdigest() for name in generate.FILES]
    assert digests("1") == digests("2") == str(here)


@pytest.mark.parametrize("later", [timedelta(minutes=5), timedelta(days=13)])
def test_what_was_stays_when_time_goes_on(later: timedelta):
    before = {row["order_id"]: row for row in rows("orders.csv")}
    after = {row["order_id"]: row for row in rows("orders.csv", NOW + later)}
    shared = before.keys() & after.keys()
    assert len(shared) > 1000
    kept = ("ordered_at", "channel", "country", "product", "quantity", "amount")
    assert all(before[key][field] == after[key][field] for key in shared for field in kept)

    latency = {(row["measured_at"], row["service"]): row for row in rows("latency.csv")}
    for row in rows("latency.csv", NOW + later):
        assert latency.get((row["measured_at"], row["service"]), row) == row

    people = {row["employee"]: row for row in rows("headcount.csv")}
    for row in rows("headcount.csv", NOW + later):
        known = people.get(row["employee"])
        assert known is None or (known["joined_on"], known["site"]) == (row["joined_on"], row["site"])
        assert known is None or known["left_on"] in ("", row["left_on"])


def test_the_files_end_now_and_hold_nothing_of_the_future():
    orders, latency, people = rows("orders.csv"), rows("latency.csv"), rows("headcount.csv")
    assert "2026-03-18T00" <= max(row["ordered_at"] for row in orders) <= "2026-03-18T14:07:00Z"
    assert max(row["measured_at"] for row in latency) == "2026-03-18T14:00:00Z"
    assert max(max(row["joined_on"], row["left_on"]) for row in people) <= "2026-03-18"


def test_orders_have_weeks_and_seasons():
    by_day: dict[str, int] = {}
    for row in rows("orders.csv", datetime(2026, 1, 5, tzinfo=UTC)):
        by_day[row["ordered_at"][:10]] = by_day.get(row["ordered_at"][:10], 0) + 1
    days = {date.fromisoformat(day): count for day, count in by_day.items()}
    ordinary = [count for day, count in days.items() if day.month in (10,)]
    assert days[date(2025, 11, 28)] > 1.5 * mean(ordinary)  # Black Friday
    assert days[date(2025, 12, 25)] < 0.7 * mean(ordinary)
    october = {day: count for day, count in days.items() if day.month == 10}
    weekend = [count for day, count in october.items() if day.weekday() in (4, 5, 6)]
    week = [count for day, count in october.items() if day.weekday() in (0, 1, 2)]
    assert mean(weekend) > mean(week)


def test_orders_reach_their_end_in_time():
    states = {row["status"] for row in rows("orders.csv") if row["ordered_at"] < "2026-03-10"}
    assert states == {"delivered", "cancelled", "refunded"}
    for row in rows("orders.csv"):
        assert (row["status"] == "refunded") == (float(row["refunded"]) > 0)


@pytest.mark.parametrize("month", range(1, 13, 3))
def test_every_week_has_an_incident_and_a_recovery(month: int):
    now = datetime(2026, month, 20, 12, tzinfo=UTC)
    found = [each for each in seasons.incidents((now - timedelta(days=7)).date(), now.date()) if each.until < now]
    assert found
    latency = rows("latency.csv", now)
    for each in found[:1]:
        own = [row for row in latency if row["service"] == each.service]
        during = [float(row["p95_ms"]) for row in own if each.start <= moment(row) < each.until]
        after = [
            float(row["p95_ms"])
            for row in own
            if each.until + timedelta(hours=2) <= moment(row) < each.until + timedelta(hours=5)
        ]
        quiet = sorted(float(row["p95_ms"]) for row in own)[len(own) // 2]
        assert max(during) > 1.5 * quiet
        if after and not any(other.strength(each.until + timedelta(hours=3)) for other in found):
            assert mean(after) < 1.5 * quiet


def moment(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["measured_at"])


def test_the_files_are_small_and_quickly_made(tmp_path: Path):
    began = time.process_time()
    sizes = generate.write(tmp_path / "data", NOW)
    # 0.4 s where nothing else runs
    assert time.process_time() - began < 2
    assert set(sizes) == {"orders.csv", "latency.csv", "headcount.csv"}
    assert sum(sizes.values()) < 2_000_000
    assert {path.name: path.stat().st_size for path in (tmp_path / "data").iterdir()} == sizes


def test_the_files_are_written_again_when_a_step_is_over(tmp_path: Path):
    assert generate.refresh(tmp_path, datetime.now(UTC))
    now = datetime.fromtimestamp(min(path.stat().st_mtime for path in tmp_path.iterdir()), UTC)
    assert not generate.refresh(tmp_path, now)
    assert generate.refresh(tmp_path, now + timedelta(seconds=generate.FRESH_SECONDS))
