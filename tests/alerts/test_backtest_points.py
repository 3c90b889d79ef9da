"""Where the past of a metric comes from: the source, or the samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datapulse_tui.alerts import backtest_points, history, retention
from datapulse_tui.alerts.backtest import run
from datapulse_tui.alerts.backtest_points import Past, points
from datapulse_tui.alerts.machine import Condition
from datapulse_tui.alerts.rules import ThresholdType, label_key
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from datapulse_tui.sources.pool import Sources
from tests.alerts.conftest import MakeQuery, MakeSource, MakeUser

END = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
START = END - timedelta(days=2)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EU = {"region": "eu"}
RANGED = "SELECT region, max(value) AS value FROM load WHERE at >= :from AND at < :to GROUP BY region"


@pytest.fixture
async def load(run_sql: Any) -> None:
    """A table with a value a minute for two regions; `eu` is high from 10:00 to 10:30 hours after the beginning."""
    await run_sql("CREATE TABLE load (at timestamptz, region text, value float8)")
    await run_sql(
        "INSERT INTO load SELECT at, region, CASE WHEN region = 'eu' AND at >= %s AND at < %s THEN 95 ELSE 20 END "
        "FROM generate_series(%s::timestamptz, %s, '1 minute') AS at, unnest(ARRAY['eu', 'us']) AS region",
        START + 10 * HOUR, START + 10.5 * HOUR, START, END,
    )  # fmt: skip


async def take(data: Database, sources: Sources, actor: Actor, query: Any, **more: Any) -> Past:
    wanted = {"metric": "value", "label_columns": ["region"], "labels": EU, "start": START, "end": END, "step": 60}
    return await points(data, sources, actor, query, **{**wanted, **more})


@pytest.mark.usefixtures("load")
async def test_a_query_with_a_time_range_is_run_as_it_would_have_been_then(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user()
    query = await make_query(olga, await make_source(), RANGED)
    past = await take(data, sources, olga, query, start=START + 8 * HOUR, end=START + 12 * HOUR, window_seconds=600)
    assert (past.origin, past.interval_seconds, past.note) == ("source", 60, "")
    assert [at for at, _ in past.points] == [START + 8 * HOUR + number * MINUTE for number in range(1, 241)]
    condition = Condition(ThresholdType.ABOVE, 90.0)
    (episode,) = run(condition, past.points, interval_seconds=past.interval_seconds)
    assert episode.fired_at == START + 10 * HOUR + MINUTE, "the first value of 10:00 is seen a minute later"
    assert episode.end == START + 10.5 * HOUR + 10 * MINUTE, "the last one leaves the window of ten minutes"


@pytest.mark.usefixtures("load")
async def test_a_long_time_is_looked_at_further_apart_and_that_is_said(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user()
    query = await make_query(olga, await make_source(), RANGED)
    past = await take(data, sources, olga, query)
    assert (len(past.points), past.interval_seconds, past.points[-1][0]) == (240, 720, END)
    assert "240 moments, 12 min apart" in past.note
    before = await take(data, sources, olga, query, start=START - HOUR, end=START + HOUR, window_seconds=60)
    assert [value for _, value in before.points] == [None] * 60 + [20.0] * 60, "before the data there is none"


NOT_TO_BE_TESTED: list[tuple[str, dict[str, Any], str]] = [
    ("SELECT at, region, value FROM load WHERE at >= :from AND at < :to", {}, "same labels"),
    (RANGED, {"metric": "volume"}, "volume"),
    (RANGED, {"metric": "region", "label_columns": [], "labels": {}}, "told apart|not a number"),
    (RANGED, {"label_columns": ["zone"]}, "zone"),
    (RANGED, {"label_columns": [], "labels": {}}, "told apart"),
    (RANGED, {"labels": {"region": "mars"}}, "no values of this series"),
    (RANGED.replace("load", "lode"), {}, "lode"),
    (RANGED.replace(":to", ":until"), {}, ":until"),
    (RANGED, {"start": END}, "beginning"),
    (RANGED, {"step": 0}, "beginning"),
    ("SELECT 'eu' AS region, 1 AS value", {}, "no past"),
]


@pytest.mark.usefixtures("load")
async def test_what_cannot_be_tested_on_is_said(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user()
    source = await make_source()
    for sql, more, message in NOT_TO_BE_TESTED:
        query = await make_query(olga, source, sql)
        with pytest.raises(Invalid, match=message) as caught:
            await take(data, sources, olga, query, **more)
        assert caught.value.hint


async def test_a_source_that_takes_too_long_is_let_go(
    data: Database,
    sources: Sources,
    make_user: MakeUser,
    make_source: MakeSource,
    make_query: MakeQuery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backtest_points, "MOST_SECONDS", 0.3)
    series = "generate_series(1, 10000)"
    slow = f"SELECT count(*) AS value FROM {series} AS a, {series} AS b, {series} AS c WHERE :from < :to"
    olga = await make_user()
    query = await make_query(olga, await make_source(), slow)
    with pytest.raises(Invalid, match=r"answered for 0 in 0\.3 s"):
        await take(data, sources, olga, query, label_columns=[], labels={})


async def test_files_have_a_past_too(
    data: Database,
    sources: Sources,
    csv_folder: Path,
    make_user: MakeUser,
    make_source: MakeSource,
    make_query: MakeQuery,
) -> None:
    lines = [f"{START + hour * HOUR:%Y-%m-%d %H:%M:%S},eu,{hour}" for hour in range(48)]
    (csv_folder / "load.csv").write_text("\n".join(["moment,region,value", *lines]))
    olga = await make_user()
    sql = (
        "SELECT region, sum(value) AS value FROM load "
        "WHERE moment >= CAST(:from AS TIMESTAMP) AND moment < CAST(:to AS TIMESTAMP) GROUP BY region"
    )
    query = await make_query(olga, await make_source("csv"), sql)
    past = await take(data, sources, olga, query, step=3_600)
    assert [value for _, value in past.points] == [float(hour) for hour in range(48)]


async def write(data: Database, query: Any, moments: list[datetime]) -> None:
    async with data.transaction() as session:
        ids = await history.series_ids(session, query, "value", [EU])
        for number, at in enumerate(moments):
            await history.write_samples(session, at, [(ids[label_key(EU)], float(number))])


async def test_other_queries_have_the_samples_of_their_rules(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user()
    query = await make_query(olga, await make_source(), "SELECT 'eu' AS region, 1.0 AS value")
    await write(data, query, [START + number * MINUTE for number in range(30)])
    past = await take(data, sources, olga, query)
    assert past == Past(tuple((START + number * MINUTE, float(number)) for number in range(30)), 60, "samples", "")
    later = await take(data, sources, olga, query, start=START - HOUR)
    assert f"{START:%Y-%m-%d %H:%M} UTC" in later.note
    with pytest.raises(Invalid, match="no past"):
        await take(data, sources, olga, query, start=END - HOUR)


async def test_where_samples_are_gone_the_hours_are_taken(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user()
    query = await make_query(olga, await make_source(), "SELECT 'eu' AS region, 1.0 AS value")
    old = END - timedelta(days=40)
    await write(data, query, [old, old + HOUR, old + HOUR + MINUTE, END - 2 * HOUR])
    await retention.care(data)
    past = await take(data, sources, olga, query, start=old - HOUR)
    assert past.points == ((old, 0.0), (old + HOUR, 1.5), (END - 2 * HOUR, 3.0))
    assert past.interval_seconds == 3_600
    assert "hourly" in past.note
    recent = await take(data, sources, olga, query)
    assert [value for _, value in recent.points] == [3.0]


async def test_samples_of_an_earlier_text_are_left_out(
    data: Database,
    sources: Sources,
    make_user: MakeUser,
    make_source: MakeSource,
    make_query: MakeQuery,
    run_sql: Any,
) -> None:
    olga = await make_user()
    query = await make_query(olga, await make_source(), "SELECT 'eu' AS region, 1.0 AS value")
    await write(data, query, [START + number * MINUTE for number in range(30)])
    await run_sql("UPDATE queries SET meaning_since = %s", START + 10 * MINUTE)
    past = await take(data, sources, olga, query)
    assert past.points == tuple((START + number * MINUTE, float(number)) for number in range(10, 30))
    assert past.note.endswith("UTC, when the query became another one.")
    await run_sql("UPDATE queries SET meaning_since = %s", END)
    with pytest.raises(Invalid, match="no past"):
        await take(data, sources, olga, query)


async def test_an_hour_of_two_texts_is_of_neither(
    data: Database,
    sources: Sources,
    make_user: MakeUser,
    make_source: MakeSource,
    make_query: MakeQuery,
    run_sql: Any,
) -> None:
    olga = await make_user()
    query = await make_query(olga, await make_source(), "SELECT 'eu' AS region, 1.0 AS value")
    old = END - timedelta(days=40)
    await write(data, query, [old, old + HOUR, old + 2 * HOUR, END - 2 * HOUR])
    await retention.care(data)
    await run_sql("UPDATE queries SET meaning_since = %s", old + MINUTE)
    past = await take(data, sources, olga, query, start=old - HOUR)
    assert [at for at, _ in past.points] == [old + HOUR, old + 2 * HOUR, END - 2 * HOUR]


@pytest.mark.usefixtures("load")
async def test_who_may_not_query_the_source_gets_the_samples(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user()
    query = await make_query(olga, await make_source(), RANGED)
    reader = Actor(olga.user_id, "Olga", ROLE_PERMISSIONS[Role.BUSINESS_USER], email=olga.email)
    with pytest.raises(NotAllowed):
        await take(data, sources, reader, query)
    with pytest.raises(NotFound):
        await take(data, sources, await make_user("eve", "business_user"), query)
    await write(data, query, [START, START + MINUTE])
    past = await take(data, sources, reader, query)
    assert (past.origin, len(past.points)) == ("samples", 2)
