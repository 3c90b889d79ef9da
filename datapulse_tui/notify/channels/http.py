"""Posting over HTTP, and reading the answer as an outcome. Redirects are not followed; certificates are verified.

On aiohttp, whose parser is in C: httpx spends seven times as much of a processor on each request.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from datapulse_tui import __version__
from datapulse_tui.errors import Invalid
from datapulse_tui.notify.channels.base import Outcome, refused, retry, sent

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

CONNECT_TIMEOUT = 5.0  # until the other side can be spoken to: its name, its address, TLS
ANSWER_TIMEOUT = 15.0  # until an answer begins, and between two pieces of it
KEEP_OPEN = 30.0  # seconds
READ_AT_MOST = 2000  # bytes of an answer
LONGEST_HEADER = 32_768  # bytes of one header of an answer
USER_AGENT = f"DataPulse/{__version__}"
_LATER = frozenset({408, 425, 429})  # client errors that pass
# What an address cannot hold as it is.
_NOT_IN_PATH = re.compile(r"""[^\x21-\x7e]|["#<>?`{}]""")
_NOT_IN_QUERY = re.compile(r"""[^\x21-\x7e]|["#<>]""")


class Poster:
    """Posts to one address over at most `connections` connections, which are kept open and reused.

    One that the other side closed meanwhile is replaced. Where that is noticed only after the request went out, whether
    it was taken cannot be known, and the message comes back as one to be sent again.
    """

    def __init__(self, session: aiohttp.ClientSession, address: URL, proxy: URL | None, connections: int) -> None:
        self._session = session
        self._address = address
        self._proxy = proxy
        # Whoever waits for a connection of the session's would be waiting on the time for connecting.
        self._turns = asyncio.Semaphore(connections)

    async def post(self, content: bytes, headers: Mapping[str, str], *, auth: tuple[str, str] | None = None) -> Outcome:
        """Post `content`; 2xx is sent, see `judge` for the others. Whoever asks bounds how long it takes at most."""
        import aiohttp

        if auth is not None:
            headers = {**headers, "Authorization": f"Basic {base64.b64encode(':'.join(auth).encode()).decode()}"}
        try:
            async with self._turns:
                try:
                    return await self._post(content, headers)
                except aiohttp.ClientError as error:
                    if not _went_nowhere(error):
                        raise
                    return await self._post(content, headers)
        except TimeoutError:
            return retry("No answer in time.")
        except (aiohttp.ClientError, OSError) as error:
            return retry(_reason(error))

    async def _post(self, content: bytes, headers: Mapping[str, str]) -> Outcome:
        async with self._session.post(
            self._address, data=content, headers=headers, proxy=self._proxy, allow_redirects=False
        ) as response:
            body = await _beginning(response.content)
        return judge(response.status, response.headers.get("retry-after"), body)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def open_poster(url: str, *, connections: int, ca_file: str | None = None) -> Poster:
    """A poster to `url` with at most `connections` connections, through the proxy that the environment names for it.

    `ca_file` holds the authorities to trust besides the usual ones. Raises OSError for a file that cannot be read,
    Invalid for an address or a proxy that cannot be used. Reading the authorities takes long: it is done in a thread.
    """
    import aiohttp

    address = address_of(url)
    proxy, context = await asyncio.to_thread(lambda: (proxy_for(address), _context(ca_file)))
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=connections, keepalive_timeout=KEEP_OPEN),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(connect=CONNECT_TIMEOUT, sock_read=ANSWER_TIMEOUT),
        auto_decompress=False,
        max_line_size=LONGEST_HEADER,
        max_field_size=LONGEST_HEADER,
    )
    return Poster(session, address, proxy, connections)


def address_of(url: str) -> URL:
    """`url` as it goes over the line: a host in another script as ASCII, what must be percent-encoded so, no more.

    Addresses hold tokens, and may be signed: what is encoded and what is not stays as it was given.
    """
    from yarl import URL

    parts = urlsplit(url)
    try:
        origin = URL(f"{parts.scheme}://{parts.netloc}").origin()
    except ValueError:
        raise Invalid("The host of the channel's address cannot be read.", hint="Correct the address.") from None
    path = _NOT_IN_PATH.sub(_encoded, parts.path) or "/"
    query = _NOT_IN_QUERY.sub(_encoded, parts.query)
    return URL(f"{origin}{path}{'?' if query else ''}{query}", encoded=True)


def _encoded(found: re.Match[str]) -> str:
    return quote(found[0], safe="")


def proxy_for(address: URL) -> URL | None:
    """The proxy that the environment (or, on a desktop, the system) names for `address`; None to go there directly.

    As HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are read by Python's own library. Asked once for a poster, where
    aiohttp would ask for every request. Raises Invalid for one that speaks something else than HTTP.
    """
    from yarl import URL

    proxies = urllib.request.getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    host = address.raw_host or ""
    if not named or urllib.request.proxy_bypass(host if ":" in host else f"{host}:{address.port}"):
        return None
    try:
        proxy = URL(named if "://" in named else f"http://{named}")
    except ValueError:
        proxy = URL()
    if proxy.scheme not in ("http", "https") or not proxy.raw_host:
        raise Invalid(
            "The proxy that the environment names cannot be used: its address must begin with http:// or https://.",
            hint="Correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or name the host in NO_PROXY.",
        )
    return proxy


def _context(ca_file: str | None) -> ssl.SSLContext:
    import certifi

    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        context = ssl.create_default_context(cafile=file or None, capath=None if file else folder)
    else:
        context = ssl.create_default_context(cafile=certifi.where())
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def judge(status: int, retry_after: str | None, body: bytes) -> Outcome:
    """2xx is accepted; 408, 425, 429 and 5xx may pass; everything else is refused for good."""
    text = body.decode("utf-8", "replace").strip()
    answer = f"HTTP {status}: {text}" if text else f"HTTP {status}"
    if 200 <= status < 300:
        return sent(answer)
    if status >= 500 or status in _LATER:
        return retry(answer, seconds(retry_after))
    if 300 <= status < 400:
        return refused(f"HTTP {status}: redirects are not followed. Give the final address.")
    return refused(answer)


def seconds(retry_after: str | None, now: float | None = None) -> float | None:
    """A Retry-After header (RFC 9110: seconds, or a date) in seconds from now; None when there is none to read."""
    if not retry_after:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now))
    except (ValueError, OverflowError):
        return None


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """At most READ_AT_MOST bytes of the body: what others send is not worth more.

    The connection of one that is not at its end is closed with its response.
    """
    body = b""
    while len(body) < READ_AT_MOST and (chunk := await content.read(READ_AT_MOST - len(body))):
        body += chunk
    return body


def _went_nowhere(error: Exception) -> bool:
    """Whether the connection was found closed before the request was whole: nobody can have acted on it."""
    import aiohttp

    return any(isinstance(cause, aiohttp.ClientConnectionResetError) for cause in _causes(error))


def _reason(error: Exception) -> str:
    """Why, in words of our own: those of aiohttp may hold the address, which is a secret."""
    import aiohttp

    causes = list(_causes(error))[::-1]  # what happened comes before what was made of it
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return f"The TLS connection failed: {getattr(cause, 'reason', None) or type(cause).__name__}"
        if isinstance(cause, socket.gaierror):
            return f"The connection failed: the host's name leads nowhere ({cause.strerror})."
        if isinstance(cause, aiohttp.ClientHttpProxyError):
            return f"The connection failed: the proxy answered HTTP {cause.status}."
        if isinstance(cause, OSError) and cause.errno:
            return f"The connection failed: {os.strerror(cause.errno)}."
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "The connection failed: it was closed without an answer."
    if isinstance(error, aiohttp.ClientPayloadError):
        return "The connection failed: the answer broke off."
    if isinstance(error, aiohttp.ClientResponseError):
        return "The connection failed: what came back is no HTTP."
    return f"The connection failed: {type(error).__name__}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
