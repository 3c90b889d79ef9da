"""Fetching: private addresses are refused before, after and instead of redirects; a real server on loopback answers."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from datapulse_tui.dashboards import web
from datapulse_tui.dashboards.web import FetchRules, fetch, is_public
from datapulse_tui.errors import DataPulseError, Invalid, NotAllowed, Unavailable


class Handler(BaseHTTPRequestHandler):
    """A site with every kind of trouble. `seen` keeps (path, Host header)."""

    seen: list[tuple[str, str | None]]
    release: threading.Event

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Host")))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/hang":
            self.release.wait(10)
            return
        if self.path == "/trickle":
            self.send_response(200)
            self.end_headers()
            while not self.release.wait(0.05):
                self.wfile.write(b"x")
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        body = b"y" * 50_000 if self.path == "/large" else b"hello"
        self.send_response(200)
        if self.path == "/bomb":
            body = gzip.compress(b"\0" * 10_000_000)
            self.send_header("Content-Encoding", "gzip")
        if self.path != "/large":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    handler = type("OneHandler", (Handler,), {"seen": [], "release": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    handler.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


def seen(site: ThreadingHTTPServer) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = site.RequestHandlerClass.seen  # type: ignore[attr-defined]
    return found


ALLOWED = FetchRules(frozenset({"127.0.0.1", "localhost"}), size_limit=20_000, timeout=5)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::",
        "2001:0:1:2:3:4:5:6", "fec0::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


LOOPBACK = ["127.0.0.1", "localhost", "localhost.", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "[::1]", "0"]


@pytest.mark.parametrize("host", [*LOOPBACK, "[::ffff:127.0.0.1]"])
async def test_loopback_is_refused_however_it_is_written(site: ThreadingHTTPServer, host: str) -> None:
    with pytest.raises(NotAllowed, match="inside this network") as caught:
        await fetch(f"http://{host}:{site.server_port}/x", FetchRules())
    assert "allowed_hosts" in caught.value.hint
    assert seen(site) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "http://[fd00:ec2::254]/",
        "http://192.168.0.1:8080/x",
    ],
)
async def test_metadata_and_private_networks_are_refused(url: str) -> None:
    with pytest.raises(NotAllowed, match="inside this network"):
        await fetch(url, ALLOWED)


NO_ADDRESS = [
    "ftp://h/x",
    "http://",
    "http:///x",
    "file:///etc/passwd",
    "http://a b/",
    "http://[::1",
    "http://h:99999/",
]


@pytest.mark.parametrize("url", [*NO_ADDRESS, "x", ""])
async def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Invalid):
        await fetch(url, ALLOWED)


async def test_a_user_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Invalid, match="user or a password") as caught:
        await fetch("http://ana:hunter2@example.org/", ALLOWED)
    assert "hunter2" not in str(caught.value)


async def test_an_allowed_host_is_fetched_by_its_address_and_keeps_its_name(site: ThreadingHTTPServer) -> None:
    assert await fetch(f"http://localhost:{site.server_port}/a?b=c", ALLOWED) == b"hello"
    assert seen(site) == [("/a?b=c", f"localhost:{site.server_port}")]


async def test_the_name_is_asked_once(site: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers otherwise the second time (DNS rebinding) is never asked a second time."""
    asked: list[str] = []
    real = asyncio.get_running_loop().getaddrinfo

    async def once(host: str, port: int, **options: int) -> object:
        asked.append(host)
        return await real("127.0.0.1", port, **options)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", once)
    rules = FetchRules(frozenset({"pictures.example"}))
    assert await fetch(f"http://pictures.example:{site.server_port}/x", rules) == b"hello"
    assert [host for host in asked if host != "127.0.0.1"] == ["pictures.example"]
    assert seen(site) == [("/x", f"pictures.example:{site.server_port}")]


async def test_over_tls_the_name_is_asked_for_and_the_certificate_must_fit(tmp_path: Path) -> None:
    """The connection goes to the address, the handshake names the host, and a certificate that nobody signed fails."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path, "pictures.example"))
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(Unavailable, match="localhost does not answer"):
            await fetch(f"https://localhost:{port}/x", ALLOWED)
    assert asked == ["localhost"]


def self_signed(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


async def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(host: str, port: int, **_: int) -> object:
        return [(2, 1, 6, "", ("93.184.216.34", port)), (2, 1, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    with pytest.raises(NotAllowed, match=r"\(10\.0\.0\.1\)"):
        await fetch("http://example.org/", FetchRules())


async def test_redirects(site: ThreadingHTTPServer) -> None:
    here = f"http://localhost:{site.server_port}"
    assert await fetch(f"{here}/to//final", ALLOWED) == b"hello"
    assert await fetch(f"{here}/to/http://127.0.0.1:{site.server_port}/final", ALLOWED) == b"hello"
    assert await fetch(f"{here}/to//to//to//final", ALLOWED) == b"hello"
    with pytest.raises(Unavailable, match="redirects more than 3"):
        await fetch(f"{here}/to//to//to//to//final", ALLOWED)
    rules = FetchRules(frozenset({"localhost"}))
    for target in (f"http://127.0.0.1:{site.server_port}/", "http://169.254.169.254/", "http://[::1]/", "//10.0.0.1/"):
        with pytest.raises(NotAllowed):
            await fetch(f"{here}/to/{target}", rules)
    with pytest.raises(Invalid):
        await fetch(f"{here}/to/file:///etc/passwd", rules)


async def test_size_time_and_answers_are_limited(site: ThreadingHTTPServer) -> None:
    here = f"http://localhost:{site.server_port}"
    with pytest.raises(Invalid, match="larger than 20,000"):
        await fetch(f"{here}/large", ALLOWED)
    with pytest.raises(Unavailable, match="compressed"):
        await fetch(f"{here}/bomb", ALLOWED)
    with pytest.raises(Unavailable, match="answered 404"):
        await fetch(f"{here}/missing", ALLOWED)
    quick = FetchRules(ALLOWED.allowed_hosts, timeout=0.3)
    for path in ("/hang", "/trickle"):
        with pytest.raises(Unavailable, match="did not send the file within"):
            await fetch(f"{here}{path}", quick)


async def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match="does not answer"):
        await fetch(f"http://127.0.0.1:{port}/", ALLOWED)


async def test_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(Unavailable, match="is not known"):
        await fetch("http://no.example/secret-path?token=1", ALLOWED)


async def test_messages_hold_the_host_and_nothing_else_of_the_address(site: ThreadingHTTPServer) -> None:
    with pytest.raises(DataPulseError) as caught:
        await fetch(f"http://localhost:{site.server_port}/missing", ALLOWED)
    assert "/missing" not in str(caught.value)
    assert web.MAX_REDIRECTS == 3
