"""The commands of `datapulse user` for those who leave: handing over what they have, and keeping them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.cli import context, output, people_named
from datapulse_tui.cli.user_access import AsJson, found, who

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.belongings import Belonging
    from datapulse_tui.people.many import Outcome

Heir = Annotated[str | None, typer.Option("--hand-over-to", metavar="EMAIL", help="Who gets what they have.")]


def attach(app: typer.Typer) -> None:
    """Add the commands to the noun `user`."""
    app.command("hand-over")(hand_over)
    app.command("deactivate")(deactivate)


def hand_over(
    giver: Annotated[str, typer.Argument(metavar="FROM", help="Whose things.")],
    taker: Annotated[
        str | None, typer.Argument(metavar="[TO]", help="Who gets them; without it they are listed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give everything that a person has to another, or nothing: dashboards, rules, reports, requests that wait."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import hand_over as service

        person = await found(desk, giver)
        if taker is None:
            async with desk.data.transaction() as session:
                _tell_held(await service.held(session, desk.actor, person.id), as_json=as_json)
            return
        heir = await found(desk, taker)
        async with desk.data.transaction() as session:
            given = await service.hand_over(session, desk.actor, person.id, heir.id)
        if as_json:
            output.emit_json(given)
        else:
            typer.echo(f"{who(heir)} got from {who(person)}: {_counted(given)}.")

    context.run(body)


def deactivate(
    emails: Annotated[list[str], typer.Argument(metavar="EMAIL...", help="Whom, by address.")],
    hand_over_to: Heir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would become of each; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep people out, and end their sessions. Nothing of theirs is deleted; --hand-over-to gives it to somebody.

    Of several each goes or not at all: ends with 3 when somebody did not, and with 1 when nobody did.
    """
    if len(set(emails)) > 1 or dry_run or as_json:
        _deactivate_many(emails, hand_over_to, dry_run=dry_run, as_json=as_json)
        return

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import belongings, service

        person = await found(desk, emails[0])
        heir = None if hand_over_to is None else await found(desk, hand_over_to)
        async with desk.data.transaction() as session:
            given = await service.deactivate(
                session, desk.actor, person.id, hand_over_to=None if heir is None else heir.id
            )
            left = await belongings.held_by(session, person.id)
        typer.echo(f"{who(person)}: {person.role}, inactive.")
        if heir is not None:
            typer.echo(f"{who(heir)} got: {_counted(given)}.")
        if left:
            typer.echo("They still have what follows; `datapulse user hand-over` gives it to somebody else.")
            _tell_held(left, as_json=False)

    context.run(body)


def _deactivate_many(emails: Sequence[str], heir: str | None, *, dry_run: bool, as_json: bool) -> None:
    async def verb(session: AsyncSession, actor: Actor, ids: Sequence[UUID]) -> Sequence[Outcome]:
        from datapulse_tui.people.editing_many import Change, Way, change_many, preview
        from datapulse_tui.people.listing import these_people
        from datapulse_tui.people.reads import get_user

        to = None if heir is None else (await get_user(session, actor, heir)).id
        seen = [(each.id, each.updated_at) for each in await these_people(session, actor, ids)]
        change = Change(Way.DEACTIVATE, id=to)
        if not dry_run:
            return await change_many(session, actor, seen, change)
        outcomes = await preview(session, actor, seen, change)
        if not as_json:
            typer.echo("This would become of each. Nothing was changed.")
        return outcomes

    people_named.act(emails, verb, as_json=as_json)


def _tell_held(held: list[Belonging], *, as_json: bool) -> None:
    from datapulse_tui.people.belongings import keepers

    if as_json:
        output.emit_json(held)
        return
    labels = {keeper.kind: keeper.label for keeper in keepers()}
    output.emit_table(("what", "name", "note"), ((labels[each.kind], each.title, each.note) for each in held))


def _counted(given: dict[str, int]) -> str:
    from datapulse_tui.people.hand_over import counted

    return counted(given) or "nothing, as there was nothing to hand over"
