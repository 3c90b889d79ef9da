"""Fetching from an address that a person wrote, without letting it reach what only this machine can reach.

The name is resolved once, every address it has is judged, and the connection goes to a judged address (the name stays
in the Host header and in the TLS handshake), so a name that answers differently the next time changes nothing. The same
is done again for every redirect.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from datapulse_tui.errors import Invalid, NotAllowed, Unavailable

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
MAX_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_HINT = "An administrator can allow the host with the setting allowed_hosts."


@dataclass(frozen=True, slots=True)
class FetchRules:
    """What may be fetched: private hosts that an administrator allows (lower case), bytes, and seconds in all."""

    allowed_hosts: frozenset[str] = frozenset()
    size_limit: int = 5 * 1024 * 1024
    timeout: float = 10.0


def is_public(address: IPAddress) -> bool:
    """Whether `address` belongs to the public internet, looking into IPv6 forms that carry an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


async def fetch(url: str, rules: FetchRules) -> bytes:
    """The body behind `url` (http or https). Raises NotAllowed for a private address, Invalid for an address that is
    none or a body that is too large, Unavailable when nothing usable answers in time."""
    shown = url
    await asyncio.to_thread(importlib.import_module, "httpx")  # a tenth of a second that the event loop cannot spare
    try:
        async with asyncio.timeout(rules.timeout):
            for _ in range(MAX_REDIRECTS + 1):
                body, url = await _get(url, rules)
                if body is not None:
                    return body
    except TimeoutError:
        raise Unavailable(
            f"{_host_of(shown)} did not send the file within {rules.timeout:g} s.", hint="Try again later."
        ) from None
    raise Unavailable(f"{_host_of(shown)} redirects more than {MAX_REDIRECTS} times.", hint="Give the final address.")


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    host: str
    port: int

    @property
    def header(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def _target(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in _PORTS or any(ord(each) <= 32 for each in url):
        raise Invalid(f"{url[:80]!r} is no address of a file.", hint="Expected http://... or https://....")
    if parts.username is not None or parts.password is not None:
        raise Invalid("The address holds a user or a password. It was not fetched.", hint="Give it without them.")
    return _Target(parts.scheme, host.rstrip(".").lower(), port or _PORTS[parts.scheme])


def _host_of(url: str) -> str:
    """The host for messages: paths and queries of an address may hold a secret."""
    return urlsplit(url).hostname or "The address"


async def _addresses(target: _Target) -> list[IPAddress]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(
            f"The host {target.host!r} is not known ({error.__class__.__name__}).",
            hint="Check the spelling of the address.",
        ) from error
    return list(dict.fromkeys(ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found))


async def _judged(target: _Target, rules: FetchRules) -> list[IPAddress]:
    """The addresses of the host; NotAllowed when one of them is private and the host is not allowed."""
    addresses = await _addresses(target)
    if target.host not in rules.allowed_hosts:
        for address in addresses:
            if not is_public(address):
                raise NotAllowed(
                    f"{target.host!r} is an address inside this network ({address}). Nothing was fetched.", hint=_HINT
                )
    return addresses


async def _get(url: str, rules: FetchRules) -> tuple[bytes | None, str]:
    """One request: the body, or None and where the answer redirects to."""
    import httpx

    target = _target(url)
    error: Exception | None = None
    for address in await _judged(target, rules):
        pinned = httpx.URL(url).copy_with(host=str(address), port=target.port)
        headers = {"Host": target.header, "Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "datapulse"}
        try:
            async with (
                httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=rules.timeout) as client,
                client.stream("GET", pinned, headers=headers, extensions={"sni_hostname": target.host}) as answer,
            ):
                return await _body(answer, url, rules)
        except httpx.ConnectError as failure:
            error = failure
        except httpx.HTTPError as failure:
            error = failure
            break
    log.warning("fetching from %s failed: %r", target.host, error)
    raise Unavailable(
        f"{target.host} does not answer ({type(error).__name__ if error else 'no address'}).", hint="Try again later."
    ) from error


async def _body(answer: httpx.Response, url: str, rules: FetchRules) -> tuple[bytes | None, str]:
    if answer.is_redirect and "location" in answer.headers:
        return None, urljoin(url, answer.headers["location"])
    if answer.status_code != 200:
        raise Unavailable(
            f"{_host_of(url)} answered {answer.status_code} in place of the file.", hint="Check the address."
        )
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unavailable(
            f"{_host_of(url)} sent a compressed answer that was not asked for.", hint="Try another address."
        )
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > rules.size_limit:
            raise Invalid(
                f"The file at {_host_of(url)} is larger than {rules.size_limit:,} bytes.", hint="Give a smaller one."
            )
    return bytes(body), url
