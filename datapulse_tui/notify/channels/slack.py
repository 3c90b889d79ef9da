"""Slack, through an incoming webhook of one of its channels."""

from __future__ import annotations

import json

from datapulse_tui.notify.channels.base import Message, Outcome
from datapulse_tui.notify.channels.http import Poster
from datapulse_tui.notify.messages import compose

LONGEST_TEXT = 12_000  # characters; Slack cuts at 40,000


class SlackChannel:
    """Posts plain text: nothing in it is formatted, and nobody is mentioned by what a label says."""

    slots = 2  # Slack wants about one a second for each hook, and says so with Retry-After

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def send(self, message: Message) -> Outcome:
        """Post one message. Slack knows no idempotency key: a repeat is shown twice."""
        body = json.dumps({"text": escape(compose(message.items).text[:LONGEST_TEXT]), "mrkdwn": False}).encode()
        return await self._poster.post(body, {"Content-Type": "application/json"})

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def escape(text: str) -> str:
    """`text` with the three characters that are control characters to Slack: a mention is only ever <...>."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
