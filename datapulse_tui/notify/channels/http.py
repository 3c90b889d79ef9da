"""Posting over HTTP, and reading the answer as an outcome. Redirects are not followed; certificates are verified."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from datapulse_tui import __version__
from datapulse_tui.notify.channels.base import Outcome, refused, retry, sent

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 15.0
KEEP_OPEN = 30.0  # seconds
READ_AT_MOST = 2000  # bytes of an answer
USER_AGENT = f"DataPulse/{__version__}"
_LATER = frozenset({408, 425, 429})  # client errors that pass


class Poster:
    """Posts over at most `connections` connections, which are kept open and reused.

    Each connection has a client of its own: what httpx does for every request to choose among the connections of one
    client costs three times the request itself at 32.
    """

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        self._context = context
        self._turns = asyncio.Semaphore(connections)
        self._free: list[httpx.AsyncClient] = []

    async def post(
        self, url: str, *, content: bytes, headers: Mapping[str, str], auth: tuple[str, str] | None = None
    ) -> Outcome:
        """Post `content`, at most `ANSWER_TIMEOUT` seconds for each step; 2xx is sent, see `judge` for the others."""
        async with self._turns:
            client = self._free.pop() if self._free else self._client()
            try:
                return await _post(client, url, content, headers, auth)
            finally:
                self._free.append(client)

    async def close(self) -> None:
        """Close the connections."""
        free, self._free = self._free, []
        for client in free:
            await client.aclose()

    def _client(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            verify=self._context,
            follow_redirects=False,
            timeout=httpx.Timeout(ANSWER_TIMEOUT, connect=CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_OPEN),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )


async def open_poster(*, connections: int, ca_file: str | None = None) -> Poster:
    """A poster with at most `connections` connections. `ca_file` holds the authorities to trust besides the usual ones.

    Raises OSError for a file that cannot be read. Reading the authorities takes long, so it is done in a thread.
    """

    def context() -> ssl.SSLContext:
        import httpx

        found = httpx.create_ssl_context()
        if ca_file is not None:
            found.load_verify_locations(ca_file)
        return found

    return Poster(await asyncio.to_thread(context), connections)


async def _post(
    client: httpx.AsyncClient, url: str, content: bytes, headers: Mapping[str, str], auth: tuple[str, str] | None
) -> Outcome:
    import httpx

    client.cookies.clear()
    request = client.build_request("POST", url, content=content, headers={**headers})
    try:
        response = await client.send(request, stream=True, auth=auth or httpx.USE_CLIENT_DEFAULT)
        try:
            body = await _beginning(response)
        finally:
            await response.aclose()
    except httpx.TimeoutException:
        return retry("No answer in time.")
    except httpx.TransportError as error:
        return retry(_reason(error))
    return judge(response.status_code, response.headers.get("retry-after"), body)


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


async def _beginning(response: httpx.Response) -> bytes:
    """At most READ_AT_MOST bytes of the body: what others send is not worth more."""
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= READ_AT_MOST:
            break
    return body[:READ_AT_MOST]


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"The TLS connection failed: {cause.reason or cause}"
        cause = cause.__cause__ or cause.__context__
    return f"The connection failed: {error or type(error).__name__}"
