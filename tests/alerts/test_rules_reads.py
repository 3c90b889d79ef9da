"""Reading rules: pages, words, names, and a list of 10,000."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from datapulse_tui.alerts.history import series_ids, write_samples
from datapulse_tui.alerts.reads.rules import condition_text, find_rule, get_rule, list_rules, read_rules, rule_names
from datapulse_tui.alerts.rules import label_key
from datapulse_tui.data.database import Database
from datapulse_tui.data.glance import Glances
from datapulse_tui.data.models.alerts import AlertSeries
from datapulse_tui.data.page import encode_cursor, every
from datapulse_tui.errors import Invalid, NotFound
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("above", 5.0, None, 0, 3600), "above 5"),
        (("above", 1234567.5, 4.0, 300, 3600), "above 1234567.5 for 5m, clears at 4"),
        (("below", 0.005, None, 0, 3600), "below 0.005"),
        (("change_percent", 20.0, 5.0, 60, 3600), "rises 20 % in 1h for 1m, clears at 5 %"),
        (("change_percent", -12.5, None, 0, 86400), "falls 12.5 % in 1d"),
    ],
)
def test_conditions_in_words(parts: tuple[Any, ...], expected: str) -> None:
    assert condition_text(*parts) == expected


async def test_pages_words_and_names(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> None:
    olga, ana = await make_user("olga"), await make_user("ana")
    shop = await make_source(name="shop")
    errors, stock = await make_query(olga, shop, name="errors_q"), await make_query(ana, shop, name="stock q")
    for name, owner, query, labels in (
        ("beta 100%", olga, errors, {"team": "shop"}),
        ("Alpha", olga, errors, {}),
        ("alpha", ana, stock, {"team": "ops"}),
        ("Alpha", ana, stock, {}),
        ("\x1b[2J evil [/red] {x}", ana, stock, {}),
    ):
        await make_rule(owner, query, name=name, labels=labels)
    async with data.reading() as session:
        seen = await every(lambda after: list_rules(session, olga, after=after, limit=2))
        assert [row.name.lower() for row in seen if "evil" not in row.name] == ["alpha", "alpha", "alpha", "beta 100%"]
        assert len({row.id for row in seen}) == 5
        for words, names in (
            ("team=ops", {"alpha"}),
            ("team=", {"alpha", "beta 100%"}),
            ("errors_q", {"beta 100%", "Alpha"}),
            ("errors%q", set()),
            ("100%", {"beta 100%"}),
            ("OLGA alp", {"Alpha"}),
            ("ana@example stock", {"alpha", "Alpha", "\x1b[2J evil [/red] {x}"}),
            ("\\", set()),
            ("\0 \ud800", set()),
            ("' OR 1=1 --", set()),
        ):
            found = await list_rules(session, olga, text=words)
            assert {row.name for row in found.items} == names, words
        assert await rule_names(session, olga, "al") == ("Alpha", "alpha")
        assert await rule_names(session, olga, "A", limit=3) == ("Alpha", "alpha", "beta 100%")
        assert await rule_names(session, olga, "%") == ("beta 100%",)
        mine = await find_rule(session, olga, "Alpha")
        assert (await get_rule(session, olga, mine)).row.owner.name == "Olga"
        theirs = await find_rule(session, olga, "Alpha", owner="ANA@example.org")
        assert (await get_rule(session, olga, theirs)).row.owner.name == "Ana"
        root = await make_user("root", "admin")
        with pytest.raises(Invalid, match=r"Several people have a rule called 'Alpha': ana@example\.org, olga@"):
            await find_rule(session, root, "Alpha")
        for nothing in ("nothing", "\0", "\ud800"):
            with pytest.raises(NotFound):
                await find_rule(session, root, nothing)
        with pytest.raises(Invalid, match="belongs to another order"):
            await list_rules(session, root, after=encode_cursor([1, 2]))
        assert [each.row.name for each in await read_rules(session, root, owner="olga@example.org")] == [
            "Alpha", "beta 100%",
        ]  # fmt: skip


async def test_where_the_series_stand(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> None:
    olga = await make_user("olga")
    query = await make_query(olga, await make_source())
    rule = await make_rule(olga, query, label_columns=["n"], recovery_value=8)
    now = datetime.now(UTC)
    async with data.transaction() as session:
        labels = [{"n": str(n)} for n in range(1_200)]
        found = await series_ids(session, query, "value", labels)
        ids = [found[label_key(each)] for each in labels]
        states = ["firing" if n % 100 == 7 else "normal" for n in range(1_200)]
        await session.execute(
            insert(AlertSeries),
            [
                {"alert_id": rule, "series_id": id_, "state": state, "reason": "breach", "since": now}
                for id_, state in zip(ids, states, strict=True)
            ],
        )
        for minutes, value in ((2, 1.0), (1, 2.0)):
            await write_samples(session, now - timedelta(minutes=minutes), [(ids[7], value)])
    async with data.reading() as session:
        detail = await get_rule(session, olga, rule)
    assert (len(detail.series), str(detail.series_count), detail.row.series) == (200, "1,000+", 1_000)
    assert [each.state for each in detail.series[:13]] == ["firing"] * 12 + ["normal"]
    values = {each.labels["n"]: (each.recent, each.value) for each in detail.series[:12]}
    assert (values["7"], values["107"]) == (((1.0, 2.0), 2.0), ((), None))
    assert (detail.row.condition, detail.spec.recovery) == ("above 10, clears at 8", 8.0)


async def test_the_first_list_does_not_wait_for_the_models(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> None:
    olga = await make_user("olga")
    channels = [{"type": "email", "to": [f"person:{olga.user_id}", "role:admin"]}]
    rule = await make_rule(olga, await make_query(olga, await make_source()), labels={"team": "a"}, channels=channels)
    glances = Glances(data.url, pooled=False)
    try:
        async with glances.take() as reader:
            first = await list_rules(reader, olga, text="team=a", limit=1)
            assert [row.id for row in first.items] == [rule]
            assert await rule_names(reader, olga, "rule") == (first.items[0].name,)
            assert (await get_rule(reader, olga, rule)).spec.channels[0].to == ["olga@example.org", "role:admin"]
            assert await find_rule(reader, olga, first.items[0].name) == rule
    finally:
        await glances.close()


async def test_the_list_of_ten_thousand_is_quick(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery
) -> None:
    olga = await make_user("olga")
    query = await make_query(olga, await make_source())
    async with data.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, labels) "
                "SELECT :me, :query, 'value', 'rule ' || md5(n::text), 'above', n, "
                "jsonb_build_object('team', 'team' || n % 50) FROM generate_series(1, 10000) n"
            ),
            {"me": olga.user_id, "query": query},
        )
        await session.execute(text("INSERT INTO alert_evaluations (alert_id, next_at) SELECT id, now() FROM alerts"))
        await session.execute(text("ANALYZE alerts"))
    took = []
    async with data.reading() as session:
        first = await list_rules(session, olga)
        for arguments in ({}, {"after": first.next}, {"text": "team=team7"}, {"text": "rule nowhere"}):
            started = time.perf_counter()
            await list_rules(session, olga, **arguments)
            took.append(time.perf_counter() - started)
    assert max(took) < 5.0, took  # far above what it takes, far below what a scan for each row would
