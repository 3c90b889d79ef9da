"""Back-tests: the same machine over the past."""

from __future__ import annotations

import math
import random
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.alerts.backtest import Episode, Point, Variation, observed, run, usual_distance, what_if
from datapulse_tui.alerts.backtest_picture import NOTHING, picture
from datapulse_tui.alerts.machine import Condition, Series, Transition, missing, step
from datapulse_tui.alerts.rules import SeriesState, ThresholdType
from datapulse_tui.charts.theme import ChartTheme

START = datetime(2026, 3, 1, tzinfo=UTC)
ABOVE, BELOW, CHANGE = ThresholdType.ABOVE, ThresholdType.BELOW, ThresholdType.CHANGE_PERCENT
PLAIN = Condition(ABOVE, 10.0)
THEME = ChartTheme(
    name="test", palette=("blue", "red"), text=None, dim=None, grid=None, accent=None, critical="red",
    warning="yellow", good="green", info="blue", background=None, colour="16",
)  # fmt: skip


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def minutely(*values: float | None) -> list[Point]:
    return [(at(minute), value) for minute, value in enumerate(values)]


def test_episodes_have_their_beginning_firing_end_and_peak() -> None:
    condition = Condition(ABOVE, 10.0, 5.0, for_seconds=120, keep_firing_seconds=60)
    points = minutely(1, 11, 12, 20, 9, 30, 4, 40, 3, 2, 1, 1, 11, 1, 11, 12, 15, 13)
    assert run(condition, points) == [
        Episode(at(1), at(3), at(9), 40.0),
        Episode(at(14), at(16), None, 15.0),
    ]


def test_below_keeps_the_lowest_value() -> None:
    assert run(Condition(BELOW, 10.0), minutely(20, 8, 3, 9, 20, 20)) == [Episode(at(1), at(1), at(4), 3.0)]


def test_a_change_is_told_against_one_window_ago() -> None:
    points = [(at(minute), 100.0 if minute < 70 else 150.0) for minute in range(200)]
    rise = Condition(CHANGE, 40.0, window_seconds=3_600)
    assert run(rise, points) == [Episode(at(70), at(70), at(130), 50.0)]
    assert run(Condition(CHANGE, -40.0, window_seconds=3_600), points) == []
    falling = [(moment, -value) for moment, value in points]
    assert run(Condition(CHANGE, -40.0, window_seconds=3_600), falling)[0].peak == -50.0
    seen = observed(rise, points)
    assert [value for _, value in seen[:60]] == [None] * 60, "in the first hour there is nothing to compare with"
    assert [value for _, value in seen[60:70]] == [0.0] * 10


def test_a_change_takes_an_older_value_where_one_or_two_lack() -> None:
    points: list[Point] = [(at(-60 - lack), 100.0) for lack in (2,)] + [(at(0), 200.0)]
    assert observed(Condition(CHANGE, 50.0), points, interval_seconds=60)[-1][1] == 100.0
    points[0] = (at(-63), 100.0)
    assert observed(Condition(CHANGE, 50.0), points, interval_seconds=60)[-1][1] is None


def test_two_points_that_lack_end_an_episode() -> None:
    gap = minutely(11, 11, 11, 11, 11, 11, 11)
    del gap[3]
    assert run(PLAIN, gap) == [Episode(at(0), at(0), None, 11.0)]
    del gap[3]
    assert run(PLAIN, gap) == [Episode(at(0), at(0), at(4), 11.0), Episode(at(5), at(5), None, 11.0)]
    assert run(PLAIN, minutely(11, None, 11)) == [Episode(at(0), at(0), None, 11.0)]
    assert run(PLAIN, minutely(11, None, math.nan, 11)) == [
        Episode(at(0), at(0), at(2), 11.0),
        Episode(at(3), at(3), None, 11.0),
    ]


def test_nothing_to_test_on() -> None:
    assert run(PLAIN, []) == []
    assert all(not each.episodes for each in what_if(PLAIN, []))
    assert run(PLAIN, minutely(None, None)) == []
    assert run(PLAIN, [(START, 11.0)]) == [Episode(START, START, None, 11.0)]
    assert (usual_distance([]), usual_distance([(START, 1.0)])) == (0, 0)


values = st.none() | st.sampled_from([1.0, 6.0, 11.0, math.nan, math.inf, -math.inf])
conditions = st.builds(
    Condition,
    st.sampled_from([ABOVE, BELOW]),
    st.just(8.0),
    st.sampled_from([None, 5.0, 9.0]),
    st.sampled_from([0, 60, 90, 300]),
    st.sampled_from([0, 60, 90, 300]),
)


@given(conditions, st.lists(st.tuples(st.integers(1, 4), values), max_size=40))
def test_it_is_what_evaluation_would_have_done(condition: Condition, steps: list[tuple[int, float | None]]) -> None:
    now, points = START, []
    for minutes, value in steps:
        now += timedelta(minutes=minutes)
        points.append((now, value))
    series = Series(SeriesState.NORMAL, "new", START)
    fired: list[datetime] = []
    ended: list[datetime] = []
    for moment, value in observed(condition, points, interval_seconds=60):
        taken = missing(series, moment) if value is None else step(condition, series, value, moment)
        series = taken.series
        if taken.transition is Transition.FIRED:
            fired.append(moment)
        elif taken.transition is Transition.RESOLVED:
            ended.append(moment)
    episodes = run(condition, points, interval_seconds=60)
    assert [each.fired_at for each in episodes] == fired
    assert [each.end for each in episodes if each.end] == ended
    assert all(each.start <= each.fired_at for each in episodes)
    now_standing = [each for each in what_if(condition, points, interval_seconds=60) if each.current]
    assert [each.episodes for each in now_standing] == [len(fired)]


def test_what_if_counts_episodes_and_the_time_of_firing() -> None:
    points = minutely(11, 9, 11, 9, 11, 4, 4, 4, 11, 4)
    found = what_if(PLAIN, points, recoveries=[None, 5.0], fors=[0, 60])
    assert found == (
        Variation(None, 0, 4, 240.0, current=True),
        Variation(None, 60, 0, 0.0, current=False),
        Variation(5.0, 0, 2, 360.0, current=False),
        Variation(5.0, 60, 1, 180.0, current=False),
    )


def test_what_if_tries_sensible_ones_by_itself() -> None:
    def tried(condition: Condition) -> set[float | None]:
        return {each.recovery for each in what_if(condition, minutely(0, 50, 100))}

    assert tried(Condition(ABOVE, 90.0)) == {None, 85.5, 81.0}
    assert tried(Condition(ABOVE, 90.0, 70.0)) == {None, 85.5, 81.0, 70.0}
    assert tried(Condition(BELOW, 10.0)) == {None, 10.5, 11.0}
    assert tried(Condition(BELOW, -10.0)) == {None, -9.5, -9.0}
    assert tried(Condition(ABOVE, 0.0)) == {None, -5.0, -10.0}
    assert tried(Condition(CHANGE, 20.0)) == {None, 19.0, 18.0}
    assert tried(Condition(CHANGE, -20.0)) == {None, -19.0, -18.0}
    fors = {each.for_seconds for each in what_if(Condition(ABOVE, 90.0, for_seconds=45), minutely(0, 50, 100))}
    assert fors == {0, 45, 60, 300, 900}
    assert {each.for_seconds for each in what_if(PLAIN, [(at(0), 1.0), (at(5), 2.0)])} == {0, 300, 1_500, 4_500}


def month(seed: int = 1) -> list[Point]:
    chance = random.Random(seed)
    value, points = 50.0, []
    for minute in range(43_200):
        value = min(100.0, max(0.0, value + chance.uniform(-4, 4)))
        points.append((at(minute), value))
    return points


def test_thirty_days_and_twelve_variations() -> None:
    points = month()
    condition = Condition(ABOVE, 80.0, 70.0, 300, 300)
    found = what_if(condition, points, interval_seconds=60, recoveries=[None, 76.0, 70.0], fors=[0, 60, 300, 900])
    assert len(found) == 12
    assert all(each.episodes for each in found)


def test_the_picture_shows_the_series_what_fires_and_the_thresholds() -> None:
    points = minutely(*[1.0] * 30, *[30.0] * 30, *[1.0] * 30)
    condition = Condition(ABOVE, 10.0, 5.0)
    episodes = run(condition, points)
    drawn = picture(points, episodes, condition, 80, 16, THEME, ZoneInfo("Europe/Berlin"), at(90))
    text = drawn.to_text()
    assert not drawn.problem
    assert (drawn.width, drawn.height, len(drawn.lines)) == (80, 16, 16)
    assert all(word in text for word in ("value", "firing", "threshold", "recovery"))
    quiet = picture(points, [], condition, 80, 16, THEME, ZoneInfo("UTC"), at(90)).to_text()
    assert "firing" not in quiet


def test_the_picture_of_changes_is_in_percent() -> None:
    points = [(at(minute), 100.0 if minute < 70 else 150.0) for minute in range(200)]
    condition = Condition(CHANGE, 40.0)
    drawn = picture(points, run(condition, points), condition, 80, 16, THEME, ZoneInfo("UTC"), at(200)).to_text()
    assert "%" in drawn
    assert "change" in drawn


def test_the_picture_says_why_there_is_nothing() -> None:
    for points in ([], minutely(None, None)):
        drawn = picture(points, [], PLAIN, 60, 8, THEME, ZoneInfo("UTC"), START)
        assert drawn.problem == NOTHING
        assert len(drawn.lines) == 8
    assert picture(minutely(1, 2), [], PLAIN, 3, 1, THEME, ZoneInfo("UTC"), START).problem
    assert picture([], [], PLAIN, 0, 0, THEME, ZoneInfo("UTC"), START).problem
    infinite = minutely(math.inf, math.inf)
    assert picture(infinite, run(PLAIN, infinite), PLAIN, 60, 8, THEME, ZoneInfo("UTC"), START).problem


def test_a_month_is_drawn_at_once() -> None:
    points = month()
    condition = Condition(ABOVE, 80.0, 70.0)
    episodes = run(condition, points, interval_seconds=60)
    started = time.process_time()
    drawn = picture(points, episodes, condition, 120, 30, THEME, ZoneInfo("UTC"), at(43_200), interval_seconds=60)
    assert time.process_time() - started < 1.0
    assert not drawn.problem
