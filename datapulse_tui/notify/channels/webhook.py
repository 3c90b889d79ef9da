"""A webhook: JSON posted to an address, signed, with a key by which a repeat is known.

Headers, as the Standard Webhooks specification has them (standardwebhooks.com; libraries for most languages verify it):

    webhook-id, Idempotency-Key   the message's id, the same on every attempt
    webhook-timestamp             seconds since 1970, of this attempt
    webhook-signature             "v1," + base64 of HMAC-SHA256(secret, "<id>.<timestamp>.<body>")

A receiver refuses timestamps that are more than some minutes off, and answers a repeat of an id with 2xx. A secret
`whsec_<base64>` stands for the bytes that it encodes; any other stands for its own UTF-8 bytes.

The body has `id`, `sent_at`, `channel`, `count` and `items`, of which there are at most 1,000: each has a `kind`
(trigger, update, resolve, repeat, escalation, notice, test, message) and the facts as they were when it happened
(number, rule, severity, title, labels, value, threshold, opened_at, state, url, ...); `message` is the rule's own text
with its placeholders filled.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

from datapulse_tui.notify.channels.base import Message, Outcome
from datapulse_tui.notify.channels.http import Poster
from datapulse_tui.notify.intents import GROUP_INTERVAL
from datapulse_tui.notify.messages import Item
from datapulse_tui.notify.templates import fill

MOST_ITEMS = 1000
ENCODED = "whsec_"
_OWN_FACTS = frozenset({"message", "zone", "digest", GROUP_INTERVAL})  # how people are told, not what


class WebhookChannel:
    """Posts to one address. `secret` signs; see the module for what is sent."""

    slots = 32

    def __init__(self, poster: Poster, secret: str) -> None:
        self._poster = poster
        self._key = key_of(secret)

    async def send(self, message: Message) -> Outcome:
        """Post one message."""
        now = int(time.time())
        body = encode(message, now)
        return await self._poster.post(body, headers(self._key, message, now, body))

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def key_of(secret: str) -> bytes:
    """The bytes that sign."""
    if secret.startswith(ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(ENCODED), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def headers(key: bytes, message: Message, now: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt at `now` (seconds since 1970)."""
    name = str(message.id)
    digest = hmac.new(key, f"{name}.{now}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": name,
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def encode(message: Message, now: int) -> bytes:
    """The body of an attempt at `now` (seconds since 1970)."""
    items = [_told(item) for item in message.items[:MOST_ITEMS]]
    document = {
        "id": str(message.id),
        "sent_at": datetime.fromtimestamp(now, UTC).isoformat(),
        "channel": message.channel,
        "count": len(message.items),
        "items": items,
    }
    return json.dumps(document, separators=(",", ":"), default=str).encode()


def _told(item: Item) -> dict[str, Any]:
    facts = {key: value for key, value in item.facts.items() if key not in _OWN_FACTS}
    if item.facts.get("message"):
        facts["message"] = fill(str(item.facts["message"]), item.facts)
    return {"kind": item.kind, **facts}
