"""`datapulse accept`: an invited person chooses their first password, without a desk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, secret_input

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace

STDIN = "--stdin"

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def accept(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address that was invited.")],
    stdin: Annotated[
        bool, typer.Option(STDIN, help="Read the code and the new password from two lines of stdin.")
    ] = False,
) -> None:
    """Accept an invitation: the code that you were given, and a password of your own."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people.invitations import accept
        from datapulse_tui.people.operator import USER_AGENT, origin

        if stdin:
            code, password = secret_input.from_stdin("code", "password")
        else:
            code = secret_input.asked("Code", STDIN)
            password = secret_input.asked("New password", STDIN, twice=True)
        actor = await accept(desk.data, email, code, password, ip=origin(os.environ), user_agent=USER_AGENT)
        typer.echo(f"Welcome, {clean(actor.label)}. Your account is active: run `datapulse` and sign in.")

    context.run(body)
