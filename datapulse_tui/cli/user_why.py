"""`datapulse user why`: why somebody may do something, or may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.why import Why


def attach(app: typer.Typer) -> None:
    """Add the command to the noun `user`."""
    app.command("why")(why)


def why(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")],
    permission: Annotated[
        str, typer.Argument(metavar="PERMISSION", help="Such as audit:view; `datapulse role permissions` lists them.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say why a person may do something, or why not: their role, custom roles, keys, and how far it reaches."""

    async def body(desk: Workspace) -> Why:
        from datapulse_tui.people import why

        async with desk.data.reading() as session:
            return await why.why(session, desk.actor, email, permission)

    answer = context.run(body)
    if as_json:
        output.emit_json(answer)
        return
    may = "may" if answer.may else "may not"
    typer.echo(f"{clean(answer.name)} <{clean(answer.email)}> {may}: {answer.permission} ({answer.explanation})")
    for each in answer.reasons:
        since = f" ({output.cell(each.at)})" if each.at else ""
        typer.echo(f"  - {clean(each.words)}{since}")
