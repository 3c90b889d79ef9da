"""The lane of one channel: claims as much as it can send at once, sends, and writes down what came back together.

The three go on side by side, so that neither the database nor the receiver waits for the other. A lane stays a while
when it has nothing more to do, because its connections are worth keeping.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.data.secrets import SecretUnreadable, is_sealed
from datapulse_tui.errors import DataPulseError, Invalid
from datapulse_tui.notify.channels import open_channel
from datapulse_tui.notify.channels.base import Channel, Message, Outcome, Result, retry
from datapulse_tui.notify.claim import Claimed, claim
from datapulse_tui.notify.messages import Item
from datapulse_tui.notify.record import Tried, record, record_problem

if TYPE_CHECKING:
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.secrets import SecretBox

logger = logging.getLogger(__name__)

SEND_SECONDS = 30.0  # for one message with all its waiting; with the pauses below well under the lease
LINGER_SECONDS = 10.0
RECORD_PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)  # between tries to write down what was sent
GATHER_SECONDS = 0.02  # what comes through meanwhile is written down, and replaced, in one transaction
UNRECORDED = 64  # messages that may wait to be written down before no more are sent

_CHANNEL = """
SELECT name, type, config, version, problem FROM notification_channels WHERE id = :channel AND is_active
"""


class Lane:
    """The messages of one channel. It runs as `task` until it was idle for a while; then `ended` is set."""

    def __init__(self, data: Database, secrets: SecretBox, channel_id: UUID) -> None:
        self.ended = False
        self._data = data
        self._secrets = secrets
        self._id = channel_id
        self._woken = False
        self._stopping = False
        self._news = asyncio.Event()  # something to look at: a wake, a message that is through
        self._rests = asyncio.Event()
        self._open: _Open | None = None
        self._old: list[Channel] = []  # of an earlier configuration, perhaps still in use
        self._under_way: set[asyncio.Task[None]] = set()
        self._through: asyncio.Queue[Tried | None] = asyncio.Queue(UNRECORDED)
        self.task = asyncio.create_task(self._run(), name=f"deliveries: {channel_id}")

    def wake(self) -> None:
        """Look again: something is due."""
        self._woken = True
        self._rests.clear()
        self._news.set()

    def stop(self) -> None:
        """Claim nothing more, and end when what is under way is through."""
        self._stopping = True
        self._news.set()

    async def rested(self) -> None:
        """Wait until there is nothing to do."""
        waiting = asyncio.create_task(self._rests.wait())
        await asyncio.wait((waiting, self.task), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def _run(self) -> None:
        try:
            while not self._stopping:
                if not self._woken and not await self._stirred():
                    break
                if self._woken:
                    await self._work()
                if not self._woken:
                    self._rests.set()
        except DataPulseError as error:
            logger.warning("deliveries of channel %s rest: %s", self._id, error.message)
        except Exception:
            logger.exception("deliveries of channel %s rest", self._id)
        finally:
            self.ended = True
            await self._close()

    async def _stirred(self) -> bool:
        """Wait for a wake; False when none came for a while."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._news.wait()
        return self._news.is_set()

    async def _work(self) -> None:
        """Send until nothing is due."""
        recorder = asyncio.create_task(self._keep_record())
        recorder.add_done_callback(lambda _: self._news.set())
        try:
            await self._claim_and_send(recorder)
        finally:
            if not recorder.done():
                await self._through.put(None)
            await recorder

    async def _claim_and_send(self, recorder: asyncio.Task[None]) -> None:
        """Claim whenever a good part of the slots is free: half of them, or after a while a quarter.

        A receiver that answers at once would otherwise be sent to with a transaction for every few messages. What is
        under way is finished in any case.
        """
        more, later = True, 0.0
        try:
            while not recorder.done():
                self._news.clear()
                if self._woken:
                    self._woken, more = False, True
                slots = self._open.slots if self._open is not None else 1
                free = slots - len(self._under_way)
                claims = more and not self._stopping and free >= max(1, slots // 4)
                wait = later - time.monotonic()
                if claims and (wait <= 0 or free >= slots // 2):
                    later = time.monotonic() + GATHER_SECONDS
                    more = await self._claim(free)
                elif claims:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait):
                            await self._news.wait()
                elif self._under_way:
                    await self._news.wait()
                else:
                    return
        except Exception:
            while self._under_way and not recorder.done():
                self._news.clear()
                await self._news.wait()
            raise

    async def _claim(self, free: int) -> bool:
        """Take messages and start to send them; False when there was nothing (more)."""
        from sqlalchemy import text

        async with self._data.transaction() as session:
            row: Any = (await session.execute(text(_CHANNEL), {"channel": self._id})).one_or_none()
            if row is None:
                return False
            await self._use(row)
            found = await claim(session, self._id, row.type, row.name, free)
        assert self._open is not None
        for claimed in found.messages:
            task = asyncio.create_task(self._send(self._open, claimed))
            self._under_way.add(task)
            task.add_done_callback(self._done)
        return found.more

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._news.set()

    async def _use(self, row: Any) -> None:
        """Have the channel open in the configuration that is stored now."""
        if self._open is not None and self._open.version == row.version:
            self._open.problem = row.problem
            return
        if self._open is not None and self._open.channel is not None:
            self._old.append(self._open.channel)
        channel: Channel | None = None
        failure = ""
        try:
            plain = await asyncio.to_thread(self._secrets.unseal, row.config)
            channel = await open_channel(row.type, plain)
        except SecretUnreadable:
            failure = "The channel's secret cannot be opened with the key of this worker. Bring the key back."
        except (Invalid, OSError) as error:
            failure = error.message if isinstance(error, Invalid) else f"The channel cannot be opened: {error}"
        self._open = _Open(row.version, row.name, row.type, row.problem, channel, failure)

    async def _send(self, opened: _Open, claimed: Claimed) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                outcome = await opened.send(await self._unsealed(claimed.message))
        except SecretUnreadable:
            outcome = retry("Its text cannot be opened with the key of this worker. Bring the key back.")
        except TimeoutError:
            outcome = retry(f"Not done within {SEND_SECONDS:g} s.")
        except Exception as error:
            logger.exception("message %s could not be sent", claimed.message.id)
            outcome = retry(f"The program failed: {type(error).__name__}. Its log file has the details.")
        await self._through.put(Tried(claimed, outcome, time.monotonic() - began))

    async def _unsealed(self, message: Message) -> Message:
        """The message with the facts that stand sealed in the outbox in plain text."""
        if not any(is_sealed(fact) for item in message.items for fact in item.facts.values()):
            return message
        items = [Item(item.kind, await asyncio.to_thread(self._secrets.unseal, item.facts)) for item in message.items]
        return replace(message, items=items)

    async def _keep_record(self) -> None:
        """Write down what is through, as much at a time as there is, until None comes."""
        last = False
        while not last:
            found = [await self._through.get()]
            if found != [None]:
                await asyncio.sleep(GATHER_SECONDS)
            while not self._through.empty():
                found.append(self._through.get_nowait())
            last = None in found
            tried = [each for each in found if each is not None]
            if tried:
                await self._record(tried)

    async def _record(self, tried: list[Tried]) -> None:
        """Again and again while the database is away: what was sent, was sent."""
        opened = self._open
        assert opened is not None
        problem = opened.problem_after([each.outcome for each in tried])
        for pause in (*RECORD_PAUSES, None):
            try:
                async with self._data.transaction() as session:
                    await record(session, opened.name, tried)
                    if problem != opened.problem:
                        await record_problem(session, self._id, problem)
                opened.problem = problem
                return
            except Exception as error:
                if pause is None:
                    raise
                logger.warning("%d messages are not yet written down: %s", len(tried), error)
                await asyncio.sleep(pause)

    async def _close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        opened = [self._open.channel] if self._open is not None and self._open.channel is not None else []
        await asyncio.gather(*(channel.close() for channel in (*opened, *self._old)), return_exceptions=True)


class _Open:
    """A channel in one version of its configuration; without `channel`, why it cannot be opened (`failure`)."""

    def __init__(
        self, version: int, name: str, type_: str, problem: str | None, channel: Channel | None, failure: str
    ) -> None:
        self.version = version
        self.name = name
        self.type = type_
        self.problem = problem
        self.channel = channel
        self.failure = failure

    @property
    def slots(self) -> int:
        """Messages that may be under way at once."""
        return 16 if self.channel is None else self.channel.slots

    async def send(self, message: Message) -> Outcome:
        """Try once."""
        return retry(self.failure) if self.channel is None else await self.channel.send(message)

    def problem_after(self, outcomes: list[Outcome]) -> str | None:
        """What is wrong with the channel after these: a refused mail or SMS says something about its recipient only."""
        if any(each.result is Result.SENT for each in outcomes):
            return None
        own = self.type in ("slack", "webhook")
        wrong = [each for each in outcomes if each.result is Result.RETRY or own]
        return wrong[0].answer if wrong else self.problem
