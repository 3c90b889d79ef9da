"""What somebody is to be told, before it becomes a row of the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

DELIVERIES_TOPIC = "deliveries"  # of the change feed
CHANNELS_TOPIC = "channels"
INCIDENTS_TOPIC = "incidents"  # their timelines say who was told

GROUP_INTERVAL = "group_interval"  # of a delivery's facts: the seconds, for those who send it

VIEW = "delivery:view"
MANAGE = "delivery:manage"


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing to tell one recipient through one channel.

    `key` is its idempotency key, `incident:transition:recipient:channel`: the same key twice is one delivery. `kind` is
    one of trigger, update, resolve, repeat, escalation, notice, test, message. `channel_id` None means the default
    channel of the type. Intents of one `group_key` (`alert:channel:address`, for a digest `digest:channel:address`)
    are gathered: first for `group_wait` seconds, later ones until `group_interval` seconds after the last message; a
    `digest` until the end of the hour in `zone` (IANA name). `suppressed` is a reason for which it is written down and
    never sent. `payload` are the facts for the text (JSON): rule, severity, number, title, labels, value, threshold,
    opened_at, state, runbook_url, message (the rule's own template), comment, who, url; or, of a message, title and
    text. A fact that `SecretBox.seal` sealed is opened when it is sent, and stands nowhere in plain text before.
    """

    key: str
    kind: str
    channel_type: str
    channel_id: UUID | None
    address: str
    user_id: UUID | None
    zone: str
    group_key: str
    incident_id: UUID | None
    alert_id: UUID | None
    payload: Mapping[str, object]
    group_wait: int = 0
    group_interval: int = 0
    digest: bool = False
    suppressed: str = ""
