"""SMS through Twilio's REST interface, or a provider that speaks it (`base_url`).

Written on aiohttp and not on apprise, which answers yes or no: here the answer is kept, a number that does not exist is
told from a provider that is away, and Retry-After is heeded.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from datapulse_tui.notify.channels.base import Message, Outcome
from datapulse_tui.notify.channels.http import Poster
from datapulse_tui.notify.messages import compose_short

TWILIO = "https://api.twilio.com"


class SmsChannel:
    """Sends from one number, or from a messaging service (an id that begins with MG)."""

    slots = 4

    def __init__(self, poster: Poster, account: str, token: str, sender: str) -> None:
        self._poster = poster
        self._auth = (account, token)
        self._sender = sender

    async def send(self, message: Message) -> Outcome:
        """Ask the provider to send one message; that it was delivered to the phone is not waited for."""
        sender = "MessagingServiceSid" if self._sender.startswith("MG") else "From"
        form = {"To": number_of(message.address), sender: self._sender, "Body": compose_short(message.items)}
        return await self._poster.post(
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": str(message.id)},
            auth=self._auth,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def messages_of(base_url: str, account: str) -> str:
    """Where messages are posted to."""
    return f"{base_url.rstrip('/')}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"


def number_of(phone: str) -> str:
    """A phone number as providers want it: a plus and digits, without what people put between them."""
    digits = "".join(character for character in phone if character in "0123456789")
    return f"+{digits}" if phone.strip().startswith("+") else digits
