"""The sources of one process: adapters, bounds, shared runs."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.errors import Invalid, Unavailable
from datapulse_tui.sources.adapters.base import QueryCancelled
from datapulse_tui.sources.pool import SourceHandle, Sources
from tests.sources.conftest import SLOW, SourceServer, eventually


def handle(config: dict[str, Any], source_id: uuid.UUID | None = None, type_: str = "postgresql") -> SourceHandle:
    return SourceHandle(source_id or uuid.uuid4(), "shop", type_, config)


async def test_one_adapter_for_each_source_until_it_changes(sources: Sources, source_server: SourceServer) -> None:
    first = handle(source_server.config)
    adapter = await sources.adapter(first)
    assert await sources.adapter(handle(source_server.config, first.id)) is adapter
    assert await sources.adapter(handle(source_server.config)) is not adapter
    await sources.run(first, "SELECT 1")
    changed = handle({**source_server.config, "max_connections": 2}, first.id)
    assert await sources.adapter(changed) is not adapter
    assert (await sources.run(changed, "SELECT 1")).rows == ((1,),)


async def test_identical_queries_under_way_run_once(sources: Sources, source_server: SourceServer) -> None:
    source = handle(source_server.config)
    query = "SELECT random(), :n::int, count(*) FROM generate_series(1, 300000) AS g"
    same = [sources.run(source, query, {"n": 1}) for _ in range(5)]
    results = await asyncio.gather(*same, sources.run(source, query, {"n": 2}), sources.run(source, query, {"n": "1"}))
    assert len({result.rows[0][0] for result in results}) == 3
    again = await sources.run(source, query, {"n": 1})
    assert again.rows[0][0] != results[0].rows[0][0]  # it is no cache


async def test_who_gives_up_takes_nobody_along(sources: Sources, source_server: SourceServer) -> None:
    source = handle(source_server.config)
    one = asyncio.create_task(sources.run(source, SLOW, tag="one", timeout=60))
    two = asyncio.create_task(sources.run(source, SLOW, tag="two", timeout=60))
    await eventually(lambda: bool(source_server.queries("generate_series")))
    assert len(source_server.queries("generate_series")) == 1
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    assert len(source_server.queries("generate_series")) == 1
    assert not two.done()
    await sources.cancel("two")
    with pytest.raises(QueryCancelled):
        await two
    await eventually(lambda: not source_server.queries("generate_series"), 2)


async def test_a_few_at_once_and_the_others_wait(box: SecretBox, source_server: SourceServer) -> None:
    sources = Sources(box, parallel=2)
    source = handle(source_server.config)
    tasks = [asyncio.create_task(sources.run(source, f"{SLOW} WHERE a <> {i}", timeout=60)) for i in range(5)]
    await eventually(lambda: len(source_server.queries("generate_series")) == 2)
    other = handle(source_server.config)
    assert (await sources.run(other, "SELECT 1")).rows == ((1,),)  # another source is not held up
    assert len(source_server.queries("generate_series")) == 2
    await sources.close()
    assert [type(r) for r in await asyncio.gather(*tasks, return_exceptions=True)] == [QueryCancelled] * 5
    await eventually(lambda: not source_server.queries("generate_series"), 2)
    with pytest.raises(Unavailable, match="closing"):
        await sources.run(source, "SELECT 1")


async def test_an_error_reaches_everybody_who_waits(sources: Sources, source_server: SourceServer) -> None:
    source = handle(source_server.config)
    runs = [sources.run(source, "SELECT 1 / (id - id) FROM shop.orders") for _ in range(3)]
    assert {type(r) for r in await asyncio.gather(*runs, return_exceptions=True)} == {Invalid}


async def test_sealed_secrets_are_opened_for_the_adapter_only(
    sources: Sources, box: SecretBox, source_server: SourceServer
) -> None:
    sealed = box.seal({**source_server.config, "password": "hunter2"}, frozenset({"password"}))
    source = handle(sealed)
    assert (await sources.run(source, "SELECT 1")).rows == ((1,),)
    assert "hunter2" not in repr(source) + repr(await sources.adapter(source)) + repr(box)


async def test_csv_sources_stay_in_their_folders(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    source = handle({"path": str(tmp_path / "a.csv")}, type_="csv")
    assert (await sources.run(source, "SELECT x FROM a")).rows == ((1,),)
    assert [table.name for table in (await sources.schema(source)).tables] == ["a"]
    assert [column.name for column in await sources.describe(source, "SELECT x AS y FROM a")] == ["y"]
    with pytest.raises(Invalid, match="not inside"):
        await sources.run(handle({"path": "/etc/passwd"}, type_="csv"), "SELECT 1")


@pytest.mark.parametrize("type_", ["mysql", "rest_api", "nonsense"])
async def test_types_of_later_versions_are_refused_plainly(sources: Sources, type_: str) -> None:
    with pytest.raises(Invalid, match=type_):
        await sources.run(handle({}, type_=type_), "SELECT 1")
