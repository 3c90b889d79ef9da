"""What travels: a topic and the ids that changed, as JSON in one notification of PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.data.at_commit import tell

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

CHANNEL = "datapulse"
EVERYTHING = "*"  # the topic that stands for all of them: read again whatever is on the screen
PAYLOAD_LIMIT = 7_999  # bytes that PostgreSQL takes in one notification

Changes = Mapping[str, frozenset[str]]
"""Topic -> ids that changed; no ids means that anything of the topic may have changed."""


async def emit(session: AsyncSession, topic: str, *ids: UUID | str) -> None:
    """Tell every desk that `ids` of `topic` changed, when (and only if) the transaction of `session` commits.

    Without ids, or with more than fit into one notification (about 200 UUIDs), the desks hear that anything of
    the topic may have changed. Raises ValueError for a topic that is empty or too long to be sent.
    """
    tell(session, CHANNEL, encode(topic, ids))


def encode(topic: str, ids: tuple[UUID | str, ...]) -> str:
    """The payload for `emit`: ASCII, at most PAYLOAD_LIMIT bytes."""
    if not topic:
        raise ValueError("a change needs a topic")
    listed = sorted({str(one) for one in ids})
    payload = json.dumps([topic, *listed], separators=(",", ":"))
    if len(payload) > PAYLOAD_LIMIT:
        payload = json.dumps([topic], separators=(",", ":"))
    if len(payload) > PAYLOAD_LIMIT:
        raise ValueError(f"a topic of {len(topic)} characters does not fit into a notification")
    return payload


def decode(payload: str) -> tuple[str, frozenset[str]]:
    """Topic and ids of a payload. One that is not ours (somebody typed NOTIFY) means that anything may have changed."""
    try:
        parts = json.loads(payload)
    except ValueError:
        return EVERYTHING, frozenset()
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) and part for part in parts):
        return EVERYTHING, frozenset()
    return parts[0], frozenset(parts[1:])
