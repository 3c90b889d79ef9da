"""A change is heard when its transaction commits, by few messages, and the line comes back by itself."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url, text

from datapulse_tui.data.database import Database
from datapulse_tui.data.feed import EVERYTHING, Changes, Feed, FeedState, Pace, emit
from datapulse_tui.data.feed.coalesce import Coalescer
from datapulse_tui.data.feed.messages import PAYLOAD_LIMIT, decode, encode
from datapulse_tui.errors import Unavailable
from tests.databases import dsn

QUICK = Pace(echo=0.3, poll=0.1, probe=0.2, answer=0.3, back_off=0.02, back_off_limit=0.05, settled=0.0)
CALM = Pace(back_off=0.02, back_off_limit=0.05)


class Listener:
    """A feed and everything that it told."""

    def __init__(self, url: str, pace: Pace = CALM) -> None:
        self.messages: list[tuple[float, Changes]] = []
        self.states: list[FeedState] = []
        self._news = asyncio.Event()
        self.feed = Feed(url, on_change=self._hear, on_state=self._see, pace=pace)

    def _hear(self, changes: Changes) -> None:
        self.messages.append((time.monotonic(), dict(changes)))
        self._news.set()

    def _see(self, state: FeedState) -> None:
        self.states.append(state)
        self._news.set()

    def ids(self, topic: str) -> set[str]:
        return set().union(*(changes[topic] for _, changes in self.messages if topic in changes))

    def count(self, topic: str) -> int:
        return sum(topic in changes for _, changes in self.messages)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; fails after 30 s."""
        async with asyncio.timeout(30):
            while not condition():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def listening(url: str, pace: Pace = CALM) -> AsyncIterator[Listener]:
    """A feed that listens and has told of its first connect."""
    listener = Listener(url, pace)
    await listener.feed.start()
    try:
        await listener.until(lambda: listener.feed.state is FeedState.LISTENING and listener.count(EVERYTHING) > 0)
        yield listener
    finally:
        await listener.feed.stop()


class Proxy:
    """A line to the server that can be cut, frozen, or made deaf as a pooler in transaction mode is."""

    def __init__(self, url: str) -> None:
        self._server = make_url(url)
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._port = 0
        self.deaf = False

    @property
    def url(self) -> str:
        query = {"host": "127.0.0.1", "port": str(self._port), "sslmode": "disable", "gssencmode": "disable"}
        return self._server.set(host=None, port=None, query=query).render_as_string(hide_password=False)

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    def freeze(self) -> None:
        """Swallow what both sides say, as a line does that died without a word."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def cut(self) -> None:
        """Close every connection and refuse new ones."""
        assert self._listener is not None
        self._listener.close()
        for writer in self._writers:
            writer.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self._listener.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = self._server.query.get("host") or self._server.host or "127.0.0.1"
        port = self._server.port or 5432
        assert isinstance(host, str)
        if host.startswith("/"):
            from_server, to_server = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            from_server, to_server = await asyncio.open_connection(host, port)
        self._writers |= {writer, to_server}
        for work in (self._pump(reader, to_server), self._pump_messages(from_server, writer)):
            task = asyncio.create_task(work)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(65_536):
                await self._flowing.wait()
                writer.write(block)
                await writer.drain()
        writer.close()

    async def _pump_messages(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the server, message by message: a byte of kind, four of length (its own four included)."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
                await self._flowing.wait()
                if not (self.deaf and head[:1] == b"A"):
                    writer.write(head + body)
                    await writer.drain()
        writer.close()


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(database_url)
    await proxy.open()
    yield proxy
    proxy.thaw()
    await proxy.cut()


async def backends(url: str) -> int:
    """How many connections of feeds the server has."""
    async with await psycopg.AsyncConnection.connect(dsn(url)) as connection:
        found = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'datapulse feed' "
            "AND datname = current_database()"
        )
        row = await found.fetchone()
        assert row is not None
        return int(row[0])


async def test_a_change_is_heard_when_it_is_committed_and_never_else(data: Database, database_url: str) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    async with listening(database_url) as listener:

        async def fail() -> None:
            async with data.transaction() as session:
                await emit(session, "dashboards", uuid.uuid4())
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        async with data.transaction() as session:
            await emit(session, "dashboards", one, two)
            await emit(session, "users")
        await listener.until(lambda: listener.count("users") > 0)
        assert listener.count("dashboards") == 1
        assert listener.ids("dashboards") == {str(one), str(two)}
        assert listener.ids("users") == set()


async def test_more_ids_than_fit_say_that_the_topic_changed(data: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        async with data.transaction() as session:
            await emit(session, "incidents", *(uuid.uuid4() for _ in range(5_000)))
        await listener.until(lambda: listener.count("incidents") > 0)
        assert listener.ids("incidents") == set()


async def test_a_burst_becomes_few_messages_and_loses_no_id(data: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        async with data.transaction() as session:
            await session.execute(
                text("SELECT pg_notify('datapulse', '[\"incidents\",\"' || i || '\"]') FROM generate_series(1, 1000) i")
            )
        await listener.until(lambda: len(listener.ids("incidents")) == 1_000)
        assert listener.count("incidents") <= 3


async def test_at_most_four_messages_a_second_and_topic_the_first_at_once(data: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        sent: list[str] = []
        committed: list[float] = []
        while listener.count("incidents") < 4:
            sent.append(str(len(sent)))
            async with data.transaction() as session:
                await emit(session, "incidents", sent[-1])
            committed.append(time.monotonic())
            await asyncio.sleep(0)
        await listener.until(lambda: listener.ids("incidents") == set(sent))
        times = [at for at, changes in listener.messages if "incidents" in changes]
        assert times[0] - committed[0] < 0.2
        assert all(after - before > 0.24 for before, after in itertools.pairwise(times))


async def test_a_terminated_backend_comes_back_and_says_that_everything_may_have_changed(
    database_url: str, superuser_url: str
) -> None:
    async with listening(database_url) as listener:
        told = listener.count(EVERYTHING)
        async with await psycopg.AsyncConnection.connect(dsn(superuser_url)) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'datapulse feed' AND datname = current_database()"
            )
        await listener.until(lambda: listener.states[-2:] == [FeedState.AWAY, FeedState.LISTENING])
        await listener.until(lambda: listener.count(EVERYTHING) > told)
        assert "terminat" in listener.feed.reason or "closed" in listener.feed.reason


async def test_a_line_that_died_without_a_word_is_noticed(proxy: Proxy, data: Database) -> None:
    async with listening(proxy.url, QUICK) as listener:
        told = listener.count(EVERYTHING)
        proxy.freeze()
        await listener.until(lambda: listener.feed.state is FeedState.AWAY)
        assert "no answer" in listener.feed.reason
        proxy.thaw()
        await listener.until(lambda: listener.feed.state is FeedState.LISTENING)
        await listener.until(lambda: listener.count(EVERYTHING) > told)
        async with data.transaction() as session:
            await emit(session, "users", "a")
        await listener.until(lambda: listener.ids("users") == {"a"})


async def test_a_server_that_is_gone_is_away_until_it_is_back(proxy: Proxy) -> None:
    async with listening(proxy.url) as listener:
        await proxy.cut()
        await listener.until(lambda: listener.feed.state is FeedState.AWAY)
        await proxy.open()
        await listener.until(lambda: listener.feed.state is FeedState.LISTENING)
        assert listener.states == [FeedState.LISTENING, FeedState.AWAY, FeedState.LISTENING]


async def test_a_server_that_is_ours_is_brought_up_again(proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    reasons: list[str] = []

    def revive() -> None:
        reasons.append(feed.reason)
        if len(reasons) == 1:
            raise Unavailable("It does not start.")
        asyncio.run_coroutine_threadsafe(proxy.open(), loop).result()

    listening_again = asyncio.Event()
    feed = Feed(
        proxy.url,
        on_change=lambda changes: None,
        on_state=lambda state: listening_again.set() if state is FeedState.LISTENING else None,
        revive=revive,
        pace=CALM,
    )
    await proxy.cut()
    await feed.start()
    async with asyncio.timeout(10):
        await listening_again.wait()
    await feed.stop()
    assert "refused" in reasons[0]
    assert reasons[1] == "It does not start."


async def test_without_an_echo_it_polls_and_a_late_one_mends_it(proxy: Proxy, data: Database) -> None:
    proxy.deaf = True
    listener = Listener(proxy.url, QUICK)
    await listener.feed.start()
    try:
        await listener.until(lambda: listener.feed.state is FeedState.POLLING)
        told = listener.count(EVERYTHING)
        await listener.until(lambda: listener.count(EVERYTHING) >= told + 2)
        proxy.deaf = False
        async with data.transaction() as session:
            await emit(session, "users", "a")
        await listener.until(lambda: listener.ids("users") == {"a"})
        await listener.until(lambda: listener.feed.state is FeedState.LISTENING)
        assert listener.states == [FeedState.POLLING, FeedState.LISTENING]
    finally:
        await listener.feed.stop()


async def test_start_does_not_wait_for_a_server_that_is_away(proxy: Proxy) -> None:
    await proxy.cut()
    listener = Listener(proxy.url)
    await listener.feed.start()
    assert listener.feed.state is FeedState.CONNECTING
    await listener.until(lambda: listener.feed.state is FeedState.AWAY)
    await listener.feed.stop()
    assert listener.messages == []


async def test_stop_closes_the_line_and_tells_nothing_more(data: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        assert await backends(database_url) == 1
        await listener.feed.stop()
        told = len(listener.messages)
        async with data.transaction() as session:
            await emit(session, "users")
        async with asyncio.timeout(5):
            while await backends(database_url):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(listener.messages) == told


async def test_a_listener_that_fails_does_not_make_the_desk_deaf(
    data: Database, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard = asyncio.Event()

    async def hear(changes: Changes) -> None:
        if EVERYTHING in changes:
            raise LookupError
        heard.set()

    feed = Feed(database_url, on_change=hear, on_state=lambda state: [][1])
    await feed.start()
    try:
        async with asyncio.timeout(10):
            while not heard.is_set():
                async with data.transaction() as session:
                    await emit(session, "users")
                await asyncio.sleep(0.01)
    finally:
        await feed.stop()
    assert "a listener of the change feed failed" in caplog.text


async def test_a_slow_listener_gets_larger_messages_one_at_a_time() -> None:
    told: list[Changes] = []
    inside = 0
    may_go = asyncio.Event()

    async def slow(changes: Changes) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        told.append(changes)
        await may_go.wait()
        inside -= 1

    coalescer = Coalescer(slow, gap=0.0)
    task = asyncio.create_task(coalescer.run())
    for position in range(100):
        coalescer.add("users", frozenset({str(position)}))
        await asyncio.sleep(0)
    may_go.set()
    async with asyncio.timeout(5):
        while len(told) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
    task.cancel()
    assert [set(changes["users"]) for changes in told] == [{"0"}, {str(position) for position in range(1, 100)}]


@given(st.text(min_size=1, max_size=80), st.lists(st.text(min_size=1, max_size=60), max_size=400))
def test_a_payload_fits_and_comes_back(topic: str, ids: list[str]) -> None:
    payload = encode(topic, tuple(ids))
    assert len(payload.encode()) <= PAYLOAD_LIMIT
    assert decode(payload) in ((topic, frozenset(ids)), (topic, frozenset()))


@given(st.text(max_size=40) | st.sampled_from(["[]", "{}", "[1]", '["a",1]', '[""]', "null", '["a"', "[[[[", '"a"']))
def test_a_payload_that_is_not_ours_means_that_anything_may_have_changed(payload: str) -> None:
    assert decode(payload) == (EVERYTHING, frozenset())


@pytest.mark.parametrize("topic", ["", "x" * 8_000])
def test_a_topic_that_cannot_be_sent_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        encode(topic, ())
