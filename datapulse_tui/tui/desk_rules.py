"""What the rule screens ask of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from datapulse_tui.errors import Invalid, NotFound
from datapulse_tui.tui.drafts import DraftDesk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datapulse_tui.alerts.backtest import Episode, Variation
    from datapulse_tui.alerts.backtest_points import Past
    from datapulse_tui.alerts.preview import Preview
    from datapulse_tui.alerts.reads.choices import ChannelChoice, RecipientChoice
    from datapulse_tui.alerts.reads.rules import Order, RuleDetail
    from datapulse_tui.alerts.views import IncidentRow, RuleRow
    from datapulse_tui.data.page import Page
    from datapulse_tui.sources.pool import Sources
    from datapulse_tui.sources.reads import QueryRow
    from datapulse_tui.tui.screens.rules.draft import Draft
    from datapulse_tui.tui.services import Person, Services

RULES_PAGE = 200  # rows of one page of the list
INCIDENTS_LOOKED_AT = 100  # newest incidents of rules of a name, of which those of the rule itself are shown
QUERIES_OFFERED = 50


class RuleWish(NamedTuple):
    """What the list of rules shows."""

    text: str = ""
    order: Order = "name"


@dataclass(frozen=True, slots=True)
class EditorStart:
    """What the editor opens with: the rule as it is saved (None for a new one), a draft of it that was kept, and what
    can be chosen from. `sources` are names."""

    detail: RuleDetail | None
    draft: Draft | None
    draft_at: datetime | None
    queries: tuple[QueryRow, ...]
    sources: tuple[str, ...]
    channels: tuple[ChannelChoice, ...]
    recipients: tuple[RecipientChoice, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """One series of a back-test: its past, when the rule would have fired, and what other settings would have done."""

    labels: Mapping[str, str]
    past: Past
    episodes: tuple[Episode, ...]
    variations: tuple[Variation, ...]


class RuleDesk(DraftDesk):
    """Alert rules. Raises DataPulseError; Unavailable when the database is away."""

    # -- reading -------------------------------------------------------------------------------------------------------

    async def rules(self, person: Person, wish: RuleWish, after: str | None) -> Page[RuleRow]:
        """One page of the rules that are wished for."""
        from datapulse_tui.alerts.reads.rules import list_rules

        async with self.data.glance() as session:
            return await list_rules(
                session, person.actor, text=wish.text, order=wish.order, after=after, limit=RULES_PAGE
            )

    async def rule(self, person: Person, alert_id: UUID) -> RuleDetail:
        """A rule with its series. Raises NotFound."""
        from datapulse_tui.alerts.reads.rules import get_rule

        async with self.data.reading() as session:
            return await get_rule(session, person.actor, alert_id)

    async def incidents_of_rule(self, person: Person, row: RuleRow) -> tuple[IncidentRow, ...]:
        """The newest incidents of a rule that the person may see, open or not."""
        from datapulse_tui.alerts.filters import ANY, IncidentFilter, Term
        from datapulse_tui.alerts.reads.incidents import list_incidents

        wanted = str(IncidentFilter((Term("state", (ANY,)),)))
        async with self.data.reading() as session:
            page = await list_incidents(
                session, person.actor, filter=wanted, order="newest", limit=INCIDENTS_LOOKED_AT, alert_id=row.id
            )
        return page.items

    # -- changing ------------------------------------------------------------------------------------------------------

    async def copy_rule(self, person: Person, alert_id: UUID) -> None:
        """Make a rule like that one for this person; it starts paused."""
        from datapulse_tui.alerts.service.rules import copy

        async with self.acting(person) as (session, actor):
            await copy(session, actor, alert_id)

    async def pause_rule(self, person: Person, alert_id: UUID, version: int, *, paused: bool) -> None:
        """Pause a rule, or let it go on. Raises Conflict when somebody changed it meanwhile."""
        from datapulse_tui.alerts.service.rules import pause, resume

        async with self.acting(person) as (session, actor):
            await (pause if paused else resume)(session, actor, alert_id, version=version)

    async def delete_rule(self, person: Person, alert_id: UUID, version: int) -> None:
        """Delete a rule; what it found stays in the history. Raises Conflict when somebody changed it meanwhile."""
        from datapulse_tui.alerts.service.rules import archive

        async with self.acting(person) as (session, actor):
            await archive(session, actor, alert_id, version=version)

    # -- the editor ----------------------------------------------------------------------------------------------------

    async def editor_start(self, person: Person, alert_id: UUID | None) -> EditorStart:
        """What the editor of a rule (None: a new one) opens with. Raises NotFound, NotAllowed."""
        from datapulse_tui.alerts.reads.choices import channels, recipients
        from datapulse_tui.alerts.reads.rules import get_rule
        from datapulse_tui.sources.reads import list_queries, list_sources
        from datapulse_tui.tui.screens.rules.draft import Draft

        actor = person.actor
        async with self.data.reading() as session:
            detail = await get_rule(session, actor, alert_id) if alert_id is not None else None
            kept = await self.find_draft(session, person, Draft(alert_id=str(alert_id or "")).key)
            sources = await list_sources(session, actor)
            return EditorStart(
                detail,
                Draft.from_json(kept.content) if kept else None,
                kept.at if kept else None,
                (await list_queries(session, actor, limit=QUERIES_OFFERED)).items,
                tuple(row.name for row in sources.items if row.granted),
                await channels(session, actor),
                await recipients(session, actor),
            )

    async def saved_queries(self, person: Person, text: str) -> tuple[QueryRow, ...]:
        """Saved queries whose names hold `text`."""
        from datapulse_tui.sources.reads import list_queries

        async with self.data.reading() as session:
            return (await list_queries(session, person.actor, text=text, limit=QUERIES_OFFERED)).items

    async def find_recipients(self, person: Person, text: str) -> tuple[RecipientChoice, ...]:
        """People, roles and departments that hold `text`."""
        from datapulse_tui.alerts.reads.choices import recipients

        async with self.data.reading() as session:
            return await recipients(session, person.actor, text)

    async def preview_rule(self, person: Person, draft: Draft) -> Preview:
        """Run a draft's query and see what the rule would make of it. Raises what running a query raises."""
        from datapulse_tui.alerts.preview import preview
        from datapulse_tui.tui.screens.rules.checks import condition_of
        from datapulse_tui.tui.screens.rules.draft import NEW_QUERY

        values = draft.values
        written = values["query"] == NEW_QUERY
        labels = tuple(values["label_columns"])
        return await preview(
            self.data,
            await self._rule_sources(),
            person.actor,
            query=None if written else _id_or_name(str(values["query"])),
            sql=str(values["sql"]) if written else "",
            source=str(values["source"]) if written else "",
            metric=str(values["metric"]),
            label_columns=labels if values["metric"] else None,
            condition=condition_of(draft),
        )

    async def save_rule(self, person: Person, draft: Draft, document: Mapping[str, object]) -> None:
        """Make the rule that `document` describes, or change the one that the draft is of; the draft is forgotten.

        Raises InvalidRule, NotAllowed, Conflict.
        """
        from datapulse_tui.alerts.schemas import check
        from datapulse_tui.alerts.service.rules import create, update
        from datapulse_tui.people.service import set_preference

        spec = check(dict(document))
        async with self.acting(person) as (session, actor):
            if draft.alert_id:
                await update(session, actor, UUID(draft.alert_id), draft.version, spec)
            else:
                await create(session, actor, spec)
            if actor.user_id is not None:
                await set_preference(session, actor, draft.key, None)

    async def rule_was_saved(self, person: Person, draft: Draft) -> bool:
        """Whether a rule is there as the draft wanted it, for a line that was lost while it was saved."""
        from datapulse_tui.alerts.reads.rules import find_rule, get_rule

        async with self.data.reading() as session:
            try:
                if not draft.alert_id:
                    await find_rule(session, person.actor, str(draft.values["name"]).strip())
                    return True
                return (await get_rule(session, person.actor, UUID(draft.alert_id))).row.version > draft.version
            except NotFound:
                return False

    # -- back-tests ----------------------------------------------------------------------------------------------------

    async def back_test(
        self, person: Person, draft: Draft, labels: Mapping[str, str], start: datetime, end: datetime
    ) -> Tested:
        """When a draft would have fired for one series from `start` to `end`. Raises what reading its past raises."""
        from datapulse_tui.alerts.backtest_points import points, points_of_sql
        from datapulse_tui.alerts.durations import parse_duration
        from datapulse_tui.tui.screens.rules.checks import condition_of
        from datapulse_tui.tui.screens.rules.draft import NEW_QUERY

        condition, values = condition_of(draft), draft.values
        if condition is None:
            raise Invalid("The condition of the rule is not complete. Nothing was tested.")
        changing = values["threshold_type"] == "change_percent"
        begin = start - timedelta(seconds=condition.window_seconds if changing else 0)
        step = parse_duration(str(values["interval"]) or "1m")
        metric, by = str(values["metric"]), tuple(values["label_columns"])
        sources, actor = await self._rule_sources(), person.actor
        about = (metric, by, labels, begin, end, step)
        window = condition.window_seconds
        if values["query"] == NEW_QUERY:
            source, sql = str(values["source"]), str(values["sql"])
            past = await points_of_sql(self.data, sources, actor, source, sql, *about, window_seconds=window)
        else:
            query = _id_or_name(str(values["query"]))
            past = await points(self.data, sources, actor, query, *about, window_seconds=window)
        return await asyncio.to_thread(_tested, condition, labels, past)

    async def _rule_sources(self) -> Sources:
        services = cast("Services", self)
        await services._running()
        assert services._sources is not None
        return services._sources


def _tested(condition: Any, labels: Mapping[str, str], past: Past) -> Tested:
    """The back-test itself, which takes long enough to stop a loop; runs in a thread."""
    from datapulse_tui.alerts.backtest import run, what_if

    interval = past.interval_seconds
    episodes: Sequence[Episode] = run(condition, past.points, interval_seconds=interval)
    variations = what_if(condition, past.points, interval_seconds=interval)
    return Tested(labels, past, tuple(episodes), variations)


def _id_or_name(query: str) -> UUID | str:
    try:
        return UUID(query)
    except ValueError:
        return query
