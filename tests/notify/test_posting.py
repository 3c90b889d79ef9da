"""Posting over HTTP, byte by byte: what goes over the line, and what is made of receivers that are not nice."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from datapulse_tui.errors import Invalid
from datapulse_tui.notify.channels import http
from datapulse_tui.notify.channels.base import Result
from datapulse_tui.notify.channels.http import Poster, address_of, open_poster
from tests.notify.receivers import HttpLines, certificate, http_receiver, http_script

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
SECRET = "secret-part"  # of the address of every receiver


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def posting(url: str, connections: int = 4) -> AsyncIterator[Poster]:
    poster = await open_poster(url, connections=connections)
    try:
        yield poster
    finally:
        await poster.close()


def saying(*answers: bytes) -> Callable[[int], AsyncIterator[bytes]]:
    """A script that gives these answers, the last for ever; an empty one breaks off."""

    async def answer(at: int) -> AsyncIterator[bytes]:
        yield answers[min(at, len(answers) - 1)]

    return answer


async def ended(lines: HttpLines, count: int) -> None:
    """Wait until so many connections have ended."""
    async with asyncio.timeout(10):
        while lines.ended < count:  # noqa: ASYNC110  (nobody tells us)
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://h", "http://h/"),
        ("https://H.example:443/a%2Fb%41/?x=%41+b&y={1}|[2]'", "https://h.example/a%2Fb%41/?x=%41+b&y={1}|[2]'"),
        ("http://h/a;c=1,2:@&=+$!*'()~//b?a=b?c/d", "http://h/a;c=1,2:@&=+$!*'()~//b?a=b?c/d"),
        ('http://h/é"`{%zz?ü=<1>^`#frag', "http://h/%C3%A9%22%60%7B%zz?%C3%BC=%3C1%3E^`"),
        ("http://bücher.example:8080/ä", "http://xn--bcher-kva.example:8080/%C3%A4"),
        ("http://straße.example/", "http://xn--strae-oqa.example/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_an_address_goes_out_as_it_was_given(url: str, sent: str) -> None:
    assert str(address_of(url)) == sent


def test_a_host_that_is_none() -> None:
    with pytest.raises(Invalid, match="host"):
        address_of("http://a\\b.example/secret-part")


async def test_the_request_as_it_goes_over_the_line() -> None:
    async with http_script(saying(OK)) as lines, posting(f"http://127.0.0.1:{lines.port}/a%2Fb?x=%41") as poster:
        await poster.post(b"content", {"Content-Type": "text/x-test"}, auth=("ac:1", "tökén:"))
    first, *headers = lines.heads[0].split("\r\n")
    assert first == "POST /a%2Fb?x=%41 HTTP/1.1"
    assert dict(line.split(": ", 1) for line in headers if line) == {
        "Host": f"127.0.0.1:{lines.port}",
        "User-Agent": http.USER_AGENT,
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Type": "text/x-test",
        "Content-Length": "7",
        "Authorization": f"Basic {base64.b64encode('ac:1:tökén:'.encode()).decode()}",
    }


async def test_an_answer_without_end_is_not_read_and_its_connection_is_closed() -> None:
    async def endless(at: int) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 400 no\r\ntransfer-encoding: chunked\r\n\r\n"
        while True:
            yield b"400\r\n" + b"x" * 1024 + b"\r\n"

    async with http_script(endless) as lines, posting(lines.url) as poster:
        async with asyncio.timeout(10):
            outcome = await poster.post(b"", {})
        await ended(lines, 1)  # while the poster is still open
    assert outcome.result is Result.REFUSED
    assert outcome.answer.startswith("HTTP 400: xxx")


async def test_what_is_compressed_is_not_unpacked() -> None:
    bomb = gzip.compress(b"x" * 1_000_000)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n".encode()
    async with http_script(saying(head + bomb)) as lines, posting(lines.url) as poster:
        outcome = await poster.post(b"", {})
    assert outcome.result is Result.SENT
    assert "xxxx" not in outcome.answer


async def test_connections_are_kept_and_one_that_was_closed_meanwhile_is_replaced() -> None:
    async with http_script(saying(OK)) as lines, posting(lines.url) as poster:
        assert {(await poster.post(b"", {})).result for _ in range(2)} == {Result.SENT}
        assert lines.connections == 1

    async def closing(at: int) -> AsyncIterator[bytes]:
        yield OK
        yield b""

    async with http_script(closing) as lines, posting(lines.url) as poster:
        for count in range(1, 51):  # the end of the one before is heard of at any moment
            assert (await poster.post(b"content", {})).answer == "HTTP 200: ok"
            await ended(lines, count)
    assert len(lines.heads) == lines.connections == 50


async def test_a_connection_that_ends_under_a_request_is_a_message_to_send_again() -> None:
    async with http_script(saying(OK, b"", OK)) as lines, posting(lines.url) as poster:
        found = [await poster.post(b"", {}) for _ in range(3)]
    assert [each.result for each in found] == [Result.SENT, Result.RETRY, Result.SENT]
    assert found[1].answer == "The connection failed: it was closed without an answer."
    assert (len(lines.heads), lines.connections) == (3, 2)


async def test_no_more_connections_than_asked_for_and_waiting_for_one_is_not_connecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "CONNECT_TIMEOUT", 0.5)
    go = asyncio.Event()

    async def slow(at: int) -> AsyncIterator[bytes]:
        await go.wait()
        yield OK

    async with http_script(slow) as lines, posting(lines.url, connections=2) as poster:
        waiting = [asyncio.create_task(poster.post(b"", {})) for _ in range(6)]
        done, _ = await asyncio.wait(waiting, timeout=1.0)
        assert (done, len(lines.heads), lines.connections) == (set(), 2, 2)
        go.set()
        assert {(await each).result for each in waiting} == {Result.SENT}
        assert lines.connections == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SMTP? hello\r\n\r\n", "The connection failed: what came back is no HTTP."),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", "The connection failed: what came back is no HTTP."),
        (b"HTTP/1.1 200 OK\r\n", "The connection failed: it was closed without an answer."),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok", "The connection failed: the answer broke off."),
    ],
    ids=["no HTTP", "endless header", "half a head", "half a body"],
)
async def test_answers_that_are_none(answer: bytes, said: str) -> None:
    async def broken(at: int) -> AsyncIterator[bytes]:
        yield answer
        yield b""

    async with http_script(broken) as lines, posting(lines.url) as poster:
        outcome = await poster.post(b"", {})
    assert (outcome.result, outcome.answer) == (Result.RETRY, said)


async def test_a_long_header_is_read_over() -> None:
    long = b"HTTP/1.1 200 OK\r\nset-cookie: " + b"y" * 20_000 + b"\r\ncontent-length: 0\r\n\r\n"
    async with http_script(saying(long)) as lines, posting(lines.url) as poster:
        assert (await poster.post(b"", {})).result is Result.SENT


async def test_a_receiver_that_says_nothing_or_stops_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_TIMEOUT", 0.2)
    stop = asyncio.Event()

    async def hanging(at: int) -> AsyncIterator[bytes]:
        if at:
            yield b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok"
        await stop.wait()
        yield b""

    async with http_script(hanging) as lines, posting(lines.url) as poster:
        found = [await poster.post(b"", {}) for _ in range(2)]
        stop.set()
        await ended(lines, 2)
    assert [(each.result, each.answer) for each in found] == [(Result.RETRY, "No answer in time.")] * 2


async def test_a_receiver_that_takes_nothing_in_can_be_given_up() -> None:
    ready = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ready.wait()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
    async with server, posting(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as poster:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await poster.post(b"x" * 50_000_000, {})
        ready.set()


async def test_nobody_there_is_said_without_the_address() -> None:
    async with posting("http://127.0.0.1:1/hook/secret-part") as poster:
        outcome = await poster.post(b"", {})
    assert (outcome.result, outcome.answer) == (Result.RETRY, "The connection failed: Connection refused.")


async def test_authorities_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, authority = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with http_receiver(context) as hook:
        async with posting(hook.url) as poster:
            assert (await poster.post(b"", {})).result is Result.SENT
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone"))
    with pytest.raises(OSError, match="No such file"):
        await open_poster(hook.url, connections=1)


async def test_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_script(saying(OK, OK, b"HTTP/1.1 403 no\r\ncontent-length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://ana:secret@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "direct.example,127.0.0.1")
        async with posting("http://bücher.example/a%2Fb?x=%41") as poster:
            found = [await poster.post(b"", {}) for _ in range(2)]
        async with posting("https://bücher.example/secret-part") as poster:
            found.append(await poster.post(b"", {}))
        async with http_script(saying(OK)) as lines, posting(lines.url) as poster:
            assert (await poster.post(b"", {})).result is Result.SENT
            assert len(lines.heads) == 1
    assert [each.result for each in found] == [Result.SENT, Result.SENT, Result.RETRY]
    assert found[2].answer == "The connection failed: the proxy answered HTTP 403."
    plain, again, tunnel = proxy.heads
    assert plain.startswith("POST http://xn--bcher-kva.example/a%2Fb?x=%41 HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n")
    assert "Proxy-Authorization: Basic " in plain
    assert "Proxy-Authorization: Basic " in again
    assert tunnel.startswith("CONNECT xn--bcher-kva.example:443 HTTP/1.1\r\n")
    assert SECRET not in tunnel


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "http://", "http://["])
async def test_a_proxy_that_cannot_be_used_is_said(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(Invalid, match="proxy"):
        await open_poster("https://h.example/secret-part", connections=1)
    await (await open_poster("http://h.example/secret-part", connections=1)).close()
