"""`datapulse workflow delegation`: who decides in the name of whom while they are away."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.workflows.views import Share

app = context.noun("Substitutes for the time of an absence: add, list, end.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    substitute: Annotated[str, typer.Option("--substitute", metavar="EMAIL", help="Who stands in.")],
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="2026-12-24, or 2026-12-24 12:00.")],
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="The same; a day is away until its end.")],
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only requests of this type; may be repeated.")
    ] = None,
    principal: Annotated[
        str, typer.Option("--for", metavar="EMAIL", help="Who is away, if not you (administrators).")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who would get what.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have somebody decide in your name while you are away. Shows what they get; both of you are told."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.workflows.service import delegations

        actor, kinds = desk.actor, list(dict.fromkeys(types or ()))
        range_ = (_moment(from_, actor.zone), _moment(to, actor.zone, end=True))
        async with desk.data.transaction() as session:
            away = await person(session, principal) if principal else actor.user_id
            if away is None:
                raise NotAllowed("You act for nobody. Nothing was changed.", hint="Say who is away: --for EMAIL.")
            other = await person(session, substitute)
            shares = await delegations.plan(session, actor, away, other, range_, kinds)
            made = None
            if not dry_run:
                made = await delegations.create(session, actor, away, other, range_, kinds, reason)
        if as_json:
            output.emit_json({"id": made, "requests": shares})
            return
        _print_shares(shares)
        typer.echo("Nothing was changed: this was a dry run." if made is None else f"Delegated: {made}")

    context.run(body)


@app.command("list")
def list_(
    over: Annotated[bool, typer.Option("--over", help="Also those that are over.")] = False, as_json: AsJson = False
) -> None:
    """List the delegations in which you have a part; everybody's, if you manage requests."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.workflows.reads.delegations import list_delegations

        async with desk.data.reading() as session:
            rows = await list_delegations(session, desk.actor, over=over)
        if as_json:
            output.emit_json(rows)
            return
        output.emit_table(
            ("id", "away", "substitute", "from", "to", "types", "ended", "reason"),
            [
                (row.id, row.principal.name, row.substitute.name, row.starts_at, row.ends_at,
                 ", ".join(row.types) or "all", row.ended_at, row.reason)
                for row in rows
            ],
        )  # fmt: skip

    context.run(body)


@app.command()
def end(delegation: Annotated[str, typer.Argument(metavar="ID", help="The delegation's id.")]) -> None:
    """End a delegation now. What was decided stays."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.workflows.service import delegations

        async with desk.data.transaction() as session:
            await delegations.end(session, desk.actor, _id(delegation))
        typer.echo("Ended.")

    context.run(body)


async def person(session: AsyncSession, email: str) -> UUID:
    """The active person at `email`. Raises NotFound."""
    from datapulse_tui.people.actors import actor_for

    found = (await actor_for(session, email)).user_id
    if found is None:
        raise Invalid(f"{email!r} is no person.")
    return found


def _print_shares(shares: Sequence[Share]) -> None:
    if not shares:
        typer.echo("Nothing is pending that they would get now.")
        return
    output.emit_table(
        ("number", "type", "requester", "subject", "they get it"),
        [
            (each.row.number, each.row.type, each.row.requester.name, each.row.subject,
             f"no, {each.refused}" if each.refused else "yes")
            for each in shares
        ],
    )  # fmt: skip


def _moment(text: str, zone: str, *, end: bool = False) -> datetime:
    """A time in the person's zone; a bare day is its beginning, or its `end`. Raises Invalid."""
    word = text.strip()
    try:
        day = date.fromisoformat(word)
    except ValueError:
        try:
            moment = datetime.fromisoformat(word)
        except ValueError:
            raise Invalid(
                f"{clean(text)[:40]!r} is no time.", hint="Expected 2026-12-24, or a time such as 2026-12-24 12:00."
            ) from None
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    return datetime.combine(day + timedelta(days=1) if end else day, time(), tzinfo=ZoneInfo(zone))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(
            f"{clean(text)[:60]!r} is not the id of a delegation.",
            hint="`datapulse workflow delegation list` shows them.",
        ) from None
