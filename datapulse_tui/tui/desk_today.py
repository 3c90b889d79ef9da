"""What the Today and channel screens ask of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from datapulse_tui.errors import Conflict, NotAllowed
from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datapulse_tui.alerts.evaluation_health import EvaluationHealth
    from datapulse_tui.alerts.reads.today import Need, Pin, Trouble, Watched
    from datapulse_tui.alerts.views import Count, SnoozeRow
    from datapulse_tui.data.page import Page
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.data.worker_health import WorkerHealth
    from datapulse_tui.notify.reads import ChannelRow, ChannelView, Counts, DeliveryRow, DeliveryView
    from datapulse_tui.notify.service import TestResult
    from datapulse_tui.tui.services import Person

SOON = timedelta(hours=2)  # a snooze that ends within it is told
SHOWN = 20  # rows of a section of Today
DELIVERIES_PAGE = 200
SEE_INCIDENTS, SEE_DELIVERIES = "alert:view", "delivery:view"


class Today(NamedTuple):
    """What needs a person now. A part that they have no right to see is empty."""

    needs: tuple[Need, ...]
    pins: tuple[Pin, ...]
    snoozes: tuple[SnoozeRow, ...]
    failed: tuple[DeliveryRow, ...]
    troubles: tuple[Trouble, ...]
    watched: Watched


class Outbox(NamedTuple):
    """The channels, how the outbox stands, and how the work behind it keeps up."""

    channels: tuple[ChannelRow, ...]
    counts: Counts
    workers: WorkerHealth
    evaluation: EvaluationHealth


class TodayDesk(Workspace):
    """Today, channels and deliveries. Raises DataPulseError; Unavailable when the database is away."""

    # -- Today ---------------------------------------------------------------------------------------------------------

    async def today(self, person: Person) -> Today:
        """All that Today shows, of one moment."""
        from datapulse_tui.alerts.reads import today

        actor = person.actor
        with self.lull.broken():
            async with self.data.glance() as session:
                soon = datetime.now(UTC) + SOON
                watched = await today.watched(session, soon)
                now = Today((), (), (), (), await today.troubles(session, actor), watched)
                if actor.can(SEE_INCIDENTS):
                    now = now._replace(needs=await today.needs(session, actor), pins=await today.pins(session, actor))
                # What most often has nothing to tell is imported only when it has: somebody waits for this screen.
                if actor.can(SEE_INCIDENTS) and watched.ending:
                    from datapulse_tui.alerts.reads.snoozes import expiring

                    now = now._replace(snoozes=await expiring(session, actor, soon, SHOWN))
                if actor.can(SEE_DELIVERIES) and watched.failed:
                    from datapulse_tui.notify.reads import failed

                    now = now._replace(failed=await failed(session, actor, SHOWN))
                return now

    async def badge(self, person: Person) -> Count:
        """How many incidents wait for somebody, of those that this person sees; counted up to a bound."""
        from datapulse_tui.alerts.reads.counts import badge

        async with self.data.glance() as session:
            return await badge(session, person.actor)

    async def pin(self, person: Person, series_id: int) -> bool:
        """Keep a metric in sight, or let it go when it was; whether it is pinned now.

        Raises NotAllowed for a metric that the person may not see, Conflict when as many are pinned as Today shows.
        """
        from datapulse_tui.alerts.reads.today import MOST_PINS, may_pin, pin_key, pinned
        from datapulse_tui.people.service import set_preference

        key = pin_key(series_id)
        async with self.acting(person) as (session, actor):
            there = await pinned(session, actor)
            if series_id in there:
                await set_preference(session, actor, key, None)
                return False
            if not await may_pin(session, actor, series_id):
                raise NotAllowed("This metric is not one that you may see. Nothing was pinned.")
            if len(there) >= MOST_PINS:
                raise Conflict(
                    f"Today shows {MOST_PINS} metrics, and so many are pinned. Nothing was changed.",
                    hint="Let one go there with p.",
                )
            await set_preference(session, actor, key, True)
            return True

    # -- channels and deliveries ---------------------------------------------------------------------------------------

    async def outbox(self, person: Person) -> Outbox:
        """Channels, counts and workers, of one moment."""
        from datapulse_tui.alerts.evaluation_health import evaluation_health
        from datapulse_tui.data.worker_health import worker_health
        from datapulse_tui.notify.reads import channels, counts

        async with self.data.reading() as session:
            return Outbox(
                await channels(session, person.actor),
                await counts(session, person.actor),
                await worker_health(session),
                await evaluation_health(session),
            )

    async def deliveries(self, person: Person, status: str | None, after: str | None) -> Page[DeliveryRow]:
        """One page of deliveries, the newest first; `status` None is all of them."""
        from datapulse_tui.notify.reads import deliveries

        async with self.data.reading() as session:
            return await deliveries(session, person.actor, status=status, after=after, limit=DELIVERIES_PAGE)

    async def delivery(self, person: Person, delivery_id: UUID) -> DeliveryView:
        """One delivery with its attempts."""
        from datapulse_tui.notify.reads import get_delivery

        async with self.data.reading() as session:
            return await get_delivery(session, person.actor, delivery_id)

    async def send_again(self, person: Person, delivery_ids: Sequence[UUID]) -> int:
        """Have failed deliveries tried again; how many."""
        from datapulse_tui.notify.service import send_again

        async with self.acting(person) as (session, actor):
            return await send_again(session, actor, delivery_ids)

    async def channel(self, person: Person, channel_id: UUID) -> ChannelView:
        """One channel with its configuration, dots in place of secrets."""
        from datapulse_tui.notify.reads import get_channel

        async with self.data.reading() as session:
            return await get_channel(session, person.actor, channel_id)

    async def add_channel(self, person: Person, name: str, type_: str, config: Mapping[str, object]) -> None:
        """Add a channel."""
        from datapulse_tui.notify.service import create_channel

        box = self._box()
        async with self.acting(person) as (session, actor):
            await create_channel(session, actor, box, name=name, type=type_, config=config)

    async def change_channel(
        self, person: Person, row: ChannelRow, changes: Mapping[str, object], *, name: str, active: bool, default: bool
    ) -> None:
        """Change a channel as it was seen; secrets that are not given stay."""
        from datapulse_tui.notify.service import update_channel

        box = self._box()
        async with self.acting(person) as (session, actor):
            await update_channel(
                session, actor, box, row.id,
                name=name, changes=changes, active=active, default=default, version=row.version,
            )  # fmt: skip

    async def delete_channel(self, person: Person, row: ChannelRow) -> None:
        """Delete a channel; what waits for it fails."""
        from datapulse_tui.notify.service import delete_channel

        async with self.acting(person) as (session, actor):
            await delete_channel(session, actor, row.id)

    async def test_channel(self, person: Person, row: ChannelRow, to: str) -> TestResult:
        """Send a test message now, and wait for what the channel answers."""
        from datapulse_tui.notify.service import test_channel

        return await test_channel(self.data, self._box(), person.actor, row.id, to=to)

    def _box(self) -> SecretBox:
        from datapulse_tui.data.secrets import SecretBox

        return SecretBox.from_settings(self.connection.settings)
