"""One incident as a story: what it is, its chart with the threshold, what happened, who was told, the rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from datapulse_tui.alerts.rules import INCIDENTS_TOPIC, ThresholdType, label_text
from datapulse_tui.alerts.views import IncidentRow, IncidentView
from datapulse_tui.data.result import Column, ColumnKind, Result
from datapulse_tui.tui.screens.alerts import words
from datapulse_tui.tui.screens.telling import Telling
from datapulse_tui.tui.times import ago, full_time
from datapulse_tui.tui.widgets.pane import Item
from datapulse_tui.tui.widgets.story import Chart, Story

if TYPE_CHECKING:
    from datapulse_tui.tui.services import Person

CHART_HEIGHT = 10


def brief(row: IncidentRow, now: datetime, zone: ZoneInfo) -> list[Item]:
    """What the list knows of an incident, until the rest is read."""
    badge, state = words.SEVERITIES[row.severity], words.STATES[row.status]
    items = [
        Item("title", f"#{row.number} {row.title}"),
        Item("text", f"{badge.words} · {state.words}"),
        Item("gap"),
        Item("fact", row.held_by.name if row.held_by else words.NOBODY, "has it"),
        Item("fact", f"{full_time(row.opened_at, zone)} ({ago(row.opened_at, now)})", "opened"),
    ]
    if row.labels:
        items.append(Item("fact", label_text(row.labels), "labels"))
    return items


def chart_of(view: IncidentView) -> Chart | None:
    """The samples around the incident, with the threshold and the recovery threshold across; None without samples.

    Of a rule that looks at changes it is the changes: they are what the threshold is for.
    """
    if len(view.samples) < 2:
        return None
    name, points, options = view.metric or "value", view.samples, {}
    if view.threshold_type is ThresholdType.CHANGE_PERCENT:
        points = _changes(view)
        if not points:
            return Chart(_result(name, view.samples), "line_chart", {}, CHART_HEIGHT)
        name, options = f"change of {name}", {"unit": "%"}
    severity = "critical" if view.row.severity == "critical" else "warning"
    thresholds = [{"value": view.threshold, "label": "threshold", "severity": severity}]
    if view.recovery is not None:
        thresholds.append({"value": view.recovery, "label": "clears", "severity": "good"})
    return Chart(_result(name, points), "line_chart", {**options, "thresholds": thresholds}, CHART_HEIGHT)


def _result(name: str, points: Sequence[tuple[datetime, float]]) -> Result:
    return Result((Column("time", ColumnKind.TIME), Column(name, ColumnKind.NUMBER)), points)


def _changes(view: IncidentView) -> tuple[tuple[datetime, float], ...]:
    """The changes in percent against one window before, from where there is such a past on; () for fewer than two."""
    from datapulse_tui.alerts.backtest import observed, usual_distance
    from datapulse_tui.alerts.machine import Condition

    condition = Condition(view.threshold_type, view.threshold, view.recovery, window_seconds=view.window_seconds)
    seen = observed(condition, view.samples, interval_seconds=usual_distance(view.samples))
    found = tuple((at, change) for at, change in seen if change is not None)
    return found if len(found) > 1 else ()


def tell(story: Story, view: IncidentView, now: datetime, zone: ZoneInfo, *, anew: bool = False) -> None:
    """Show the whole of it; without `anew` what is in view stays there."""
    chart = chart_of(view)
    after = [
        *words.timeline(view.events, now, zone),
        *words.deliveries(view.deliveries, now, zone),
        *words.similar(view.similar, now, zone),
        *words.rule_facts(view),
    ]
    if chart is None:
        after = [Item("gap"), Item("dim", "There are no samples of it to draw."), *after]
    story.tell(words.head(view, now, zone), chart, after, anew=anew)


class IncidentTelling(Telling[IncidentRow, IncidentView]):
    """What is read of an incident, and how it is told."""

    TOPIC = INCIDENTS_TOPIC

    async def detail_of(self, person: Person, row_id: UUID) -> IncidentView:
        return await self.desk.services.incident(person, row_id)

    def tell_brief(self, story: Story, row: IncidentRow) -> None:
        story.tell(brief(row, self.desk.now(), self.desk.session.zone), None, (), anew=True)

    def tell_detail(self, story: Story, detail: IncidentView, *, anew: bool) -> None:
        tell(story, detail, self.desk.now(), self.desk.session.zone, anew=anew)
