"""`datapulse alert`: the inbox without a screen. Incidents are named by their number or id, as many as you like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from datapulse_tui.cli import alert_rule, alert_text, context, many, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.alerts.views import Outcome
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.cli.many import Seen

NOUN = "incident"

app = context.noun("Alerts: list, show, acknowledge, snooze, resolve, assign and comment incidents; rules.")
app.add_typer(alert_rule.app, name="rule")

Incidents = Annotated[list[str], typer.Argument(metavar="INCIDENT...", help="Numbers (12 or '#12') or ids.")]
Incident = Annotated[str, typer.Argument(metavar="INCIDENT", help="A number (12 or '#12') or an id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Undo = Annotated[bool, typer.Option("--undo", help="Take it back.")]

Order = Literal["severity", "newest", "oldest"]


# A word with a minus in front is a part of the filter.
@app.command("list", context_settings={"ignore_unknown_options": True})
def list_(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[FILTER]...", help="As in the inbox: severity:critical rule:checkout")
    ] = None,
    order: Annotated[Order, typer.Option(help="What comes first.")] = "severity",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 200,
    as_json: AsJson = False,
) -> None:
    """List the incidents that you may see; the open ones, unless the filter names a state."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.alerts.reads.incidents import list_incidents

        unknown = next((word for word in words or () if word.startswith("--")), None)
        if unknown:
            raise Invalid(f"There is no option {unknown}.", hint="`datapulse alert list --help` shows them.")
        async with desk.data.reading() as session:
            page = await list_incidents(session, desk.actor, filter=" ".join(words or ()), order=order, limit=limit)
        if as_json:
            output.emit_json(page.items)
            return
        alert_text.print_incidents(page.items, datetime.now(UTC))
        if page.next is not None:
            typer.echo(f"There are more than {limit}: --limit shows more of them, a filter fewer.", err=True)

    context.run(body)


@app.command()
def show(incident: Incident, as_json: AsJson = False) -> None:
    """Show an incident: its values, what happened to it, who was told, and what was like it before."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.alerts.reads.incidents import get_incident

        async with desk.data.reading() as session:
            view = await get_incident(session, desk.actor, _wanted(incident))
        if as_json:
            output.emit_json(view)
        else:
            alert_text.print_incident(view)

    context.run(body)


@app.command()
def ack(incidents: Incidents, undo: Undo = False, as_json: AsJson = False) -> None:
    """Acknowledge incidents: you have them, and nobody is told about them any more."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.alerts.service import triage

        return await (triage.unacknowledge if undo else triage.acknowledge)(session, actor, seen)

    _act(incidents, act, as_json=as_json)


@app.command()
def snooze(
    incidents: Incidents,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why nobody needs to be told.")] = "",
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="30m, 2h, 1d ...")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="2026-03-01 08:00, in your time zone.")] = "",
    until_recovery: Annotated[
        bool, typer.Option("--until-recovery", help="Until it recovers, and at most until the time given.")
    ] = False,
    undo: Undo = False,
    as_json: AsJson = False,
) -> None:
    """Silence incidents for a while."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.alerts.rules import SnoozeKind
        from datapulse_tui.alerts.service import snoozes

        if undo:
            return await snoozes.unsnooze(session, actor, seen)
        kind = SnoozeKind.UNTIL_RECOVERY if until_recovery else SnoozeKind.UNTIL_TIME
        return await snoozes.snooze(session, actor, seen, kind=kind, until=_end(for_, until, actor.zone), reason=reason)

    _act(incidents, act, as_json=as_json)


@app.command()
def resolve(
    incidents: Incidents,
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="What helped.")] = "",
    undo: Undo = False,
    as_json: AsJson = False,
) -> None:
    """Close incidents. A series that goes on firing opens a new one only after it has recovered once."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.alerts.service import triage

        if undo:
            return await triage.reopen(session, actor, seen)
        return await triage.resolve(session, actor, seen, comment)

    _act(incidents, act, as_json=as_json)


@app.command()
def assign(
    incidents: Incidents,
    to: Annotated[str, typer.Option("--to", metavar="EMAIL", help="Who is to have them; `nobody` for nobody.")],
    as_json: AsJson = False,
) -> None:
    """Give incidents to somebody."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.alerts.service import triage
        from datapulse_tui.people.actors import actor_for

        person = None if to.lower() == "nobody" else (await actor_for(session, to)).user_id
        return await triage.assign(session, actor, seen, person)

    _act(incidents, act, as_json=as_json)


@app.command()
def comment(
    incidents: Incidents,
    text: Annotated[str, typer.Option("--text", "-m", metavar="TEXT", help="The comment.")],
    as_json: AsJson = False,
) -> None:
    """Write into the timelines of incidents."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.alerts.service import triage

        return await triage.comment(session, actor, seen, text)

    _act(incidents, act, as_json=as_json)


@app.command()
def why(
    incident: Incident,
    person: Annotated[str, typer.Option("--person", metavar="EMAIL", help="About whom (default: everybody).")] = "",
    as_json: AsJson = False,
) -> None:
    """Show why people were told of an incident, or were not."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.alerts.reads import why as reads
        from datapulse_tui.alerts.reads.incidents import get_incident
        from datapulse_tui.people.actors import actor_for

        async with desk.data.reading() as session:
            view = await get_incident(session, desk.actor, _wanted(incident))
            about = (await actor_for(session, person)).user_id if person else None
            rows = await reads.why(session, desk.actor, view.row.id, about)
        if as_json:
            output.emit_json(rows)
            return
        output.emit_table(
            ("at", "recipient", "channel", "what", "outcome", "reason"),
            [(row.at, row.recipient, row.channel, row.what, row.outcome, row.reason) for row in rows],
        )

    context.run(body)


# -- parts -------------------------------------------------------------------------------------------------------------


def _act(given: Sequence[str], act: many.Act[Outcome], *, as_json: bool) -> None:
    from datapulse_tui.alerts.reads.incidents import versions
    from datapulse_tui.alerts.service.acting import MISSING

    many.act(NOUN, given, act, versions=versions, missing=MISSING, title=lambda outcome: outcome.title, as_json=as_json)


def _wanted(text: str) -> UUID | int:
    return many.name(NOUN, text)


def _end(length: str, until: str, zone: str) -> datetime | None:
    """When a snooze ends: after `length`, or at `until` in the person's zone. Raises Invalid."""
    from zoneinfo import ZoneInfo

    from datapulse_tui.alerts.durations import EXPECTED, parse_duration

    if length and until:
        raise Invalid("A snooze has one end.", hint="Give --for or --until.")
    if length:
        try:
            return datetime.now(UTC) + timedelta(seconds=parse_duration(length))
        except ValueError as error:
            raise Invalid(f"{length!r} is no length of time.", hint=f"Expected {EXPECTED}.") from error
    if not until:
        return None
    try:
        moment = datetime.fromisoformat(until)
    except ValueError as error:
        raise Invalid(f"{until!r} is no time.", hint="Expected a time such as 2026-03-01 08:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
