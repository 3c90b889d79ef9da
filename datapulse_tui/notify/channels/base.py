"""What a channel is to the outbox: something that takes messages and says for each what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from datapulse_tui.notify.messages import Item
from datapulse_tui.notify.templates import inert

LONGEST_ANSWER = 500  # characters that are kept of what a channel answered


class Result(StrEnum):
    """What became of a message: accepted, to be tried again, or refused for good."""

    SENT = "sent"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`answer` is what the channel said, made harmless; `retry_after` the seconds that it wants to be left alone."""

    result: Result
    answer: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. `id` is the key by which the receiver knows a repeat of it.

    `threads` name the incidents that it is about, the same in all that is told about them; `channel` is the name of the
    channel that it leaves through.
    """

    id: UUID
    address: str
    items: Sequence[Item]
    threads: Sequence[str]
    channel: str


class Channel(Protocol):
    """An open way to send. `slots` is how many messages may be under way at once."""

    slots: int

    async def send(self, message: Message) -> Outcome:
        """Try once; never raises for what the other side does."""

    async def close(self) -> None:
        """Let go of connections."""


def sent(answer: str) -> Outcome:
    """The other side has taken the message."""
    return Outcome(Result.SENT, inert(answer, LONGEST_ANSWER))


def retry(answer: str, retry_after: float | None = None) -> Outcome:
    """It may work later."""
    return Outcome(Result.RETRY, inert(answer, LONGEST_ANSWER), retry_after)


def refused(answer: str) -> Outcome:
    """It will not work later either."""
    return Outcome(Result.REFUSED, inert(answer, LONGEST_ANSWER))
