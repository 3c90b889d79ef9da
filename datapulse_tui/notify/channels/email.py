"""E-mail through one SMTP server, over a few connections that carry many mails each.

On aiosmtplib: typed and kept up, it speaks STARTTLS, TLS and every usual way of signing in, refuses line ends in
commands, and needs no thread for each connection that hangs, as smtplib would.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
import time
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate
from typing import TYPE_CHECKING

import aiosmtplib

from datapulse_tui.notify.channels.base import Message, Outcome, refused, retry, sent
from datapulse_tui.notify.messages import compose
from datapulse_tui.notify.schemas import is_address
from datapulse_tui.notify.templates import inert

if TYPE_CHECKING:
    from datapulse_tui.notify.schemas import EmailConfig

CONNECTIONS = 4
ANSWER_TIMEOUT = 10.0  # seconds for each step
QUIT_TIMEOUT = 2.0
MAILS_PER_CONNECTION = 100
DOUBTFUL_AFTER = 2.0  # seconds without use after which a connection is asked whether it lives
DOWN_FOR = 3.0  # seconds in which a server that did not answer is not asked again


class _Headers(HeaderRegistry):
    """Keeps the class of each header: the library makes two dozen new ones for every mail, half of its time."""

    __getitem__ = functools.lru_cache(maxsize=100)(HeaderRegistry.__getitem__)


_POLICY = SMTP_POLICY.clone(cte_type="7bit", header_factory=_Headers())
_POLICY_UTF8 = _POLICY.clone(utf8=True)  # for addresses that only servers with SMTPUTF8 take


class EmailChannel:
    """Sends through one server. Certificates are verified."""

    slots = 32

    def __init__(self, config: EmailConfig, context: ssl.SSLContext) -> None:
        self._config = config
        self._context = context
        self._sender = Address(inert(config.sender_name, 100), addr_spec=config.sender)
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._free: list[_Line] = []
        self._down: tuple[float, str] = (0.0, "")

    async def send(self, message: Message) -> Outcome:
        """Hand one mail to the server. A 4xx answer may pass, a 5xx one to the mail itself does not."""
        if not is_address(message.address):
            return refused("This is not an address that mail can be sent to.")
        content = encode(message, self._sender)
        async with self._turns:
            try:
                line = await self._take()
            except (aiosmtplib.SMTPException, OSError) as error:
                # Also a 5xx: the server refuses us (greeting, sign-in), not this mail.
                self._is_down(error)
                return retry(_answer(error))
            return await self._hand_over(line, recipient(message.address).addr_spec, content)

    async def greet(self) -> Outcome:
        """Connect, greet and sign in as for a mail, and send none."""
        try:
            line = await self._take()
        except (aiosmtplib.SMTPException, OSError) as error:
            return retry(_answer(error))
        self._give_back(line)
        return sent("The server answers" + (" and lets us in." if self._config.username else "."))

    async def close(self) -> None:
        """Say goodbye on every connection."""
        free, self._free = self._free, []
        await asyncio.gather(*(line.quit() for line in free))

    async def _hand_over(self, line: _Line, address: str, content: bytes) -> Outcome:
        options = () if address.isascii() else ("SMTPUTF8",)
        try:
            _, answer = await line.client.sendmail(self._config.sender, address, content, mail_options=options)
        except asyncio.CancelledError:
            line.client.close()
            raise
        except aiosmtplib.SMTPNotSupported as error:
            self._give_back(line)
            return refused(_answer(error))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self._give_back(line)
            if isinstance(error, aiosmtplib.SMTPTimeoutError):
                self._is_down(error)
            code = _code(error)
            ours = isinstance(error, aiosmtplib.SMTPHeloError)
            permanent = isinstance(error, ValueError) or (code is not None and 500 <= code < 600 and not ours)
            return (refused if permanent else retry)(_answer(error))
        self._give_back(line)
        return sent(f"250 {answer}")

    def _is_down(self, error: Exception) -> None:
        """Let those that wait for their turn know, instead of having each find out by itself."""
        if time.monotonic() >= self._down[0]:
            self._down = (time.monotonic() + DOWN_FOR, _answer(error))

    def _give_back(self, line: _Line) -> None:
        line.mails += 1
        line.used = time.monotonic()
        if not line.client.is_connected:
            return
        if line.mails < MAILS_PER_CONNECTION:
            self._free.append(line)
        else:
            line.client.close()

    async def _take(self) -> _Line:
        """A connection that works: one that was used before, or a new one. Raises what connecting raises."""
        until, answer = self._down
        if time.monotonic() < until:
            raise aiosmtplib.SMTPServerDisconnected(answer)
        while self._free:
            line = self._free.pop()
            if await line.lives():
                return line
        config = self._config
        client = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            username=config.username,
            password=None if config.password is None else config.password.get_secret_value(),
            timeout=ANSWER_TIMEOUT,
            use_tls=config.security == "tls",
            start_tls=config.security == "starttls",
            tls_context=self._context,
        )
        await client.connect()
        return _Line(client)


class _Line:
    """One connection: how many mails it carried, and when the last."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.client = client
        self.mails = 0
        self.used = time.monotonic()

    async def lives(self) -> bool:
        if not self.client.is_connected:
            return False
        if time.monotonic() - self.used < DOUBTFUL_AFTER:
            return True
        try:
            await self.client.noop(timeout=QUIT_TIMEOUT)
        except (aiosmtplib.SMTPException, OSError):
            self.client.close()
            return False
        return True

    async def quit(self) -> None:
        try:
            await self.client.quit(timeout=QUIT_TIMEOUT)
        except (aiosmtplib.SMTPException, OSError):
            self.client.close()


def recipient(address: str) -> Address:
    """The address in a form that servers take; a domain in another script as its ASCII form."""
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        with contextlib.suppress(UnicodeError):
            domain = domain.encode("idna").decode()
    return Address(username=local, domain=domain)


def encode(message: Message, sender: Address) -> bytes:
    """The mail. Its Message-ID is the same on every attempt; mails about one thing refer to one thread."""
    to = recipient(message.address)
    mail = EmailMessage(policy=_POLICY if to.username.isascii() else _POLICY_UTF8)
    composed = compose(message.items)
    domain = sender.domain
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = composed.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    if message.threads:
        # The beginning of a thread is no mail: whoever comes in later refers to the same.
        threads = [f"<{thread}@{domain}>" for thread in message.threads]
        mail["In-Reply-To"] = threads[0]
        mail["References"] = " ".join(threads)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(composed.text)
    return mail.as_bytes()


def _code(error: Exception) -> int | None:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    return error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None


def _answer(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"The TLS connection failed: {cause.reason or cause}"
        cause = cause.__cause__
    text = error.message if isinstance(error, aiosmtplib.SMTPException) else str(error)
    return text or type(error).__name__
