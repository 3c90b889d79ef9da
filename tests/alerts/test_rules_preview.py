"""What the editor shows of a query before there is a rule."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datapulse_tui.alerts.history import series_ids, write_samples
from datapulse_tui.alerts.machine import Condition
from datapulse_tui.alerts.preview import preview
from datapulse_tui.alerts.rules import ThresholdType
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Invalid, NotAllowed
from datapulse_tui.sources.pool import Sources
from tests.alerts.conftest import MakeQuery, MakeSource, MakeUser

ROWS = "VALUES ('eu', 'a', 7.5, now()), ('us', 'a', 2, now()), ('as', 'b', NULL, now())"
SQL = f"SELECT * FROM ({ROWS}) t(region, host, rate, at)"


async def test_columns_series_and_states(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user("olga")
    query = await make_query(olga, await make_source(name="shop"), SQL)
    found = await preview(data, sources, olga, query=query)
    assert [(each.name, each.kind, each.may_be_metric, each.may_be_label) for each in found.columns] == [
        ("region", "text", False, True), ("host", "text", False, True), ("rate", "number", True, True),
        ("at", "time", False, False),
    ]  # fmt: skip
    assert (found.metric, found.label_columns, found.problem, len(found.rows)) == ("rate", ("region", "host"), "", 3)
    above = Condition(ThresholdType.ABOVE, 5.0)
    found = await preview(data, sources, olga, query=query, label_columns=["region"], condition=above)
    assert [(each.labels, each.value, each.state) for each in found.series] == [
        ({"region": "eu"}, 7.5, "firing"), ({"region": "us"}, 2.0, "normal"), ({"region": "as"}, None, None),
    ]  # fmt: skip
    assert found.firing == 1
    waits = Condition(ThresholdType.ABOVE, 5.0, for_seconds=300)
    found = await preview(data, sources, olga, sql=SQL, source="shop", label_columns=["region"], condition=waits)
    assert [each.state for each in found.series] == ["pending", "normal", None]
    # the window is what :from and :to are bound to
    found = await preview(data, sources, olga, sql="SELECT extract(epoch FROM :to - :from) AS s", source="shop")
    assert found.series[0].value == pytest.approx(3_600)


@pytest.mark.parametrize(
    ("sql", "labels", "problem"),
    [
        (SQL, ["host"], r"Two rows have the same labels \(host=a\)"),
        (SQL, [], "brought 3 rows, and without labels they cannot be told apart"),
        (SQL, ["nothing"], "The result has no column 'nothing'"),
        ("SELECT 'a' AS b", None, "No column of the result holds numbers"),
        ("SELECT 1 AS n WHERE false", None, "The query brought no row"),
    ],
)
async def test_what_no_rule_can_be_made_of(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, sql: str, labels: Any, problem: str
) -> None:
    root = await make_user("root", "admin")
    await make_source(name="shop")
    found = await preview(data, sources, root, sql=sql, source="shop", label_columns=labels)
    assert re.search(problem, found.problem), found.problem
    assert found.series == ()


async def test_a_change_needs_history(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user("olga")
    query = await make_query(olga, await make_source(), SQL)
    doubled = Condition(ThresholdType.CHANGE_PERCENT, 100.0)
    arguments: dict[str, Any] = {"query": query, "label_columns": ["region"], "condition": doubled}
    found = await preview(data, sources, olga, **arguments)
    assert [(each.compared, each.state) for each in found.series] == [(None, None)] * 3
    async with data.transaction() as session:
        ids = await series_ids(session, query, "rate", [{"region": "eu"}])
        then = datetime.now(UTC) - timedelta(hours=1, seconds=30)
        await write_samples(session, then, [(id_, 3.0) for id_ in ids.values()])
    found = await preview(data, sources, olga, **arguments)
    assert (found.series[0].compared, found.series[0].state) == (150.0, "firing")


async def test_runs_with_the_readers_own_rights(
    data: Database, sources: Sources, make_user: MakeUser, make_source: MakeSource
) -> None:
    olga = await make_user("olga")
    await make_source(name="shop")
    with pytest.raises(NotAllowed, match="You may not query the source shop"):
        await preview(data, sources, olga, sql="SELECT 1 AS n", source="shop")
    root = await make_user("root", "admin")
    with pytest.raises(Invalid, match="DELETE"):
        await preview(data, sources, root, sql="DELETE FROM users", source="shop")
    with pytest.raises(Invalid, match="nothing to look at"):
        await preview(data, sources, root, sql=" ", source="shop")
    cut = await preview(
        data, sources, root, sql="SELECT n, n::text AS t FROM generate_series(1, 50) n", source="shop", limit=10
    )
    assert (len(cut.rows), cut.truncated, len(cut.series), cut.problem) == (10, True, 10, "")
