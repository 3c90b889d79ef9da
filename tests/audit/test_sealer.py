from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import text

from datapulse_tui.audit import chain
from datapulse_tui.audit.sealer import run_sealer, seal_once
from datapulse_tui.audit.service import record
from datapulse_tui.audit.verify import Verdict, verify
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Unavailable
from tests.audit.conftest import OPERATOR, Seal, Tamper, Write, settle
from tests.databases import dsn


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """A second process, as far as the database can tell."""
    database = Database(database_url)
    yield database
    await database.dispose()


async def check(data: Database) -> Verdict:
    return await verify(data, OPERATOR)


async def test_an_empty_trail_is_intact_and_needs_no_seal(data: Database, seal: Seal) -> None:
    assert await seal() == 0
    verdict = await check(data)
    assert (verdict.intact, verdict.records, verdict.seals, verdict.unsealed) == (True, 0, 0, 0)


async def test_records_are_sealed_and_verified(data: Database, write: Write, seal: Seal) -> None:
    await write(3)
    assert (await check(data)).unsealed == 3
    assert await seal() == 3
    await write(2)
    assert await seal() == 2
    assert await seal() == 0
    await write(1)
    seen: list[tuple[int, int]] = []
    verdict = await verify(data, OPERATOR, progress=lambda done, total: seen.append((done, total)))
    assert verdict.intact
    assert (verdict.records, verdict.seals, verdict.unsealed) == (5, 2, 1)
    assert seen[-1] == (5, 5)


async def test_an_idle_sealer_writes_nothing(data: Database, write: Write, seal: Seal) -> None:
    await write(1)
    await seal()
    async with data.transaction() as session:
        await seal_once(session)
        assert await session.scalar(text("SELECT pg_current_xact_id_if_assigned()")) is None


async def test_a_backlog_is_sealed_in_parts_also_within_one_transaction(data: Database, seal: Seal) -> None:
    async with data.transaction() as session:
        for _ in range(25):
            await record(session, OPERATOR, "thing.changed", "thing", None)
    await settle(data)
    async with data.transaction() as session:
        first = await seal_once(session, records_per_seal=4, seals_at_once=2)
    assert (first.seals, first.records, first.more) == (2, 8, True)
    assert await seal(records_per_seal=4, seals_at_once=2) == 17
    verdict = await check(data)
    assert verdict.intact
    assert (verdict.records, verdict.seals, verdict.unsealed) == (25, 7, 0)


async def test_a_transaction_that_goes_on_is_sealed_when_it_ends(
    data: Database, other: Database, write: Write, seal: Seal
) -> None:
    """It began first, wrote before and after the others, and commits last: nothing is lost or counts as put in."""
    async with other.transaction() as slow:
        await slow.execute(text("INSERT INTO audit_logs (action, resource_type) VALUES ('slow.began', 'thing')"))
        await write(3)
        assert await seal(wait=False) == 0  # the oldest that runs holds the rest back
        await slow.execute(text("INSERT INTO audit_logs (action, resource_type) VALUES ('slow.ended', 'thing')"))
        assert (await check(data)).unsealed == 3
    assert await seal() == 5
    assert (await check(data)).intact


async def test_what_was_rolled_back_leaves_no_gap(data: Database, write: Write, seal: Seal) -> None:
    await write(1)
    with pytest.raises(RuntimeError):
        async with data.transaction() as session:
            await record(session, OPERATOR, "never", "thing", None)
            raise RuntimeError
    await write(1)
    assert await seal() == 2
    assert (await check(data)).intact


async def test_a_sealing_that_is_rolled_back_is_done_again(data: Database, write: Write, seal: Seal) -> None:
    await write(2)
    await settle(data)
    with pytest.raises(RuntimeError):
        async with data.transaction() as session:
            assert (await seal_once(session)).records == 2
            raise RuntimeError
    assert await seal() == 2
    verdict = await check(data)
    assert (verdict.intact, verdict.seals) == (True, 1)


async def test_a_second_sealer_goes_on_without_waiting(data: Database, other: Database, write: Write) -> None:
    await write(2)
    await settle(data)
    async with data.transaction() as first, other.transaction() as second:
        assert (await seal_once(first)).records == 2
        assert (await asyncio.wait_for(seal_once(second), 5)).records == 0


async def sealed_once(data: Database) -> None:
    """Wait until there is a seal."""
    async with asyncio.timeout(60):
        while True:
            async with data.reading() as session:
                if await session.scalar(text("SELECT EXISTS (SELECT FROM audit_seals)")):
                    return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("rounds", [40, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_writers_and_sealers_at_the_same_time(data: Database, other: Database, rounds: int) -> None:
    """Four writers, some of whose transactions roll back or stay open for a while, and two sealers."""
    stop = asyncio.Event()
    written = 0

    async def writer(number: int) -> None:
        nonlocal written
        for turn in range(rounds):
            if turn == rounds // 2 and number == 0:
                await sealed_once(data)  # other tests' transactions may hold the sealers back until all is written
            try:
                async with (data, other)[number % 2].transaction() as session:
                    for _ in range(1 + turn % 3):
                        await record(session, OPERATOR, "thing.changed", "thing", None, after={"turn": turn})
                    if turn % 7 == number:
                        await session.execute(text("SELECT pg_sleep(0.02)"))
                    if turn % 5 == number:
                        raise RuntimeError
                    count = 1 + turn % 3
                written += count
            except RuntimeError:
                continue

    sealers = [asyncio.create_task(run_sealer(one, stop, interval=0.005)) for one in (data, other)]
    await asyncio.gather(*(writer(number) for number in range(4)))
    await settle(data)
    stop.set()
    await asyncio.gather(*sealers)
    verdict = await check(data)
    assert verdict.problem is None
    assert (verdict.records, verdict.unsealed) == (written, 0)
    assert verdict.seals > 1  # sealed while they wrote


async def test_the_loop_seals_what_is_left_when_it_ends(data: Database, write: Write) -> None:
    stop = asyncio.Event()
    stop.set()
    await write(3)
    await settle(data)
    await run_sealer(data, stop)
    assert (await check(data)).unsealed == 0


async def test_the_loop_survives_a_database_that_is_away(
    data: Database, write: Write, superuser_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()
    sealer = asyncio.create_task(run_sealer(data, stop, interval=0.02))
    with psycopg.connect(dsn(superuser_url), autocommit=True) as connection:
        for _ in range(3):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.03)
    while True:
        try:
            await write(1)
            break
        except Unavailable:
            continue
    await settle(data)
    stop.set()
    await sealer
    verdict = await check(data)
    assert verdict.intact
    assert verdict.unsealed == 0


# -- the canonical form ------------------------------------------------------------------------------------------------

SETTINGS = (
    ("UTC", "ISO, MDY", "1", "postgres", "C"),
    ("America/New_York", "German, DMY", "-15", "iso_8601", "C"),
    ("Asia/Kathmandu", "SQL, DMY", "3", "sql_standard", "C"),
)


async def test_the_canonical_form_does_not_depend_on_the_session(
    database_url: str, write: Write, tamper: Tamper
) -> None:
    await write(1, name='ünï "quoted" \\ ☃ \t')
    tamper(
        "UPDATE audit_logs SET details = details || jsonb_build_object('n', 0.1::numeric, 'big', 1e20, 'list', "
        "jsonb_build_array(1.50, null, true)), created_at = '2025-03-30 01:30:00.123456+00'"
    )
    forms = set()
    for zone, style, digits, intervals, numbers in SETTINGS:
        with psycopg.connect(dsn(database_url)) as connection:
            for name, value in (
                ("TimeZone", zone), ("DateStyle", style), ("extra_float_digits", digits), ("IntervalStyle", intervals),
                ("lc_numeric", numbers), ("bytea_output", "escape" if digits == "3" else "hex"),
            ):  # fmt: skip
                connection.execute("SELECT set_config(%s, %s, false)", [name, value])
            query = f"SELECT {chain.RECORD}, {chain.MEMBER} FROM audit_logs l"
            (row,) = connection.execute(query).fetchall()  # type: ignore[arg-type]
            forms.add(row)
    ((form, member),) = forms
    assert '"2025-03-30T01:30:00.123456"' in form
    assert "☃" in form
    assert len(member) == chain.MEMBER_SIZE


async def test_the_canonical_form_holds_every_column(owner_url: str) -> None:
    with psycopg.connect(dsn(owner_url)) as connection:
        query = "SELECT attname FROM pg_attribute WHERE attrelid = 'audit_logs'::regclass AND attnum > 0"
        columns = {name for (name,) in connection.execute(query)}
    assert set(re.findall(r"\bl\.(\w+)", chain.RECORD)) == columns


# -- restored elsewhere ------------------------------------------------------------------------------------------------


async def test_a_dump_restored_where_transactions_have_lower_numbers_goes_on(
    data: Database, write: Write, seal: Seal, tamper: Tamper
) -> None:
    """Another server's records: higher transaction numbers and another start time, some sealed there and some not."""
    foreign = (
        "INSERT INTO audit_logs (action, resource_type, xid, epoch) "
        "SELECT 'old', 'thing', 900000000000 + i / 2 + %s, '2020-02-02 02:02:02+00' FROM generate_series(1, 5) i"
    )
    tamper(foreign, 0)
    assert await seal(records_per_seal=2) == 5
    tamper(foreign, 10)
    tamper("UPDATE audit_head SET epoch = '2020-02-02 02:02:02+00'")  # as the dump has it
    await write(3)
    assert (await check(data)).unsealed == 8
    assert await seal() == 8
    await write(1)
    assert await seal() == 1
    verdict = await check(data)
    assert verdict.problem is None
    assert (verdict.records, verdict.unsealed) == (14, 0)
    # and what is put among the other server's records is found
    tamper(foreign, 1)
    verdict = await check(data)
    assert verdict.problem is not None
    assert verdict.problem.kind == "record put in"


async def test_a_database_that_comes_back_to_its_first_server_goes_on(
    data: Database, write: Write, seal: Seal, tamper: Tamper
) -> None:
    await write(2)
    await seal()
    tamper("INSERT INTO audit_logs (action, resource_type, xid, epoch) VALUES ('away', 'thing', 7, '2030-01-01+00')")
    tamper("UPDATE audit_head SET epoch = '2030-01-01+00'")
    await write(2)
    assert await seal() == 3
    verdict = await check(data)
    assert verdict.problem is None
    assert (verdict.records, verdict.unsealed) == (5, 0)
