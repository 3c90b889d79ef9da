"""`datapulse user`: the people who use the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output, secret_input, user_access, user_csv, user_leaving, user_show, user_why

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.reads import UserRow

app = context.noun("People: add, list, activate, deactivate, roles, passwords.")
user_why.attach(app)
user_show.attach(app)
user_csv.attach(app)
user_access.attach(app)
user_leaving.attach(app)

STDIN = "--password-stdin"

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")]
FromStdin = Annotated[bool, typer.Option(STDIN, help="Read the password from the first line of stdin.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_password(*, from_stdin: bool) -> str:
    """A password from stdin, or typed twice without an echo."""
    return secret_input.from_stdin("password")[0] if from_stdin else secret_input.asked("Password", STDIN, twice=True)


async def _found(desk: Workspace, email: str) -> UserRow:
    from datapulse_tui.people import reads

    async with desk.data.reading() as session:
        return await reads.get_user(session, desk.actor, email)


@app.command()
def add(
    email: Email,
    name: Annotated[str, typer.Option("--name", help="The person's full name.")],
    role: Annotated[
        str, typer.Option("--role", help="business_user, analyst, ops_manager or admin.")
    ] = "business_user",
    password_stdin: FromStdin = False,
    ask_password: Annotated[
        bool, typer.Option("--ask-password", help="Ask for the password, without an echo.")
    ] = False,
    activate: Annotated[bool, typer.Option("--activate", help="Let them sign in at once.")] = False,
    time_zone: Annotated[str, typer.Option("--time-zone", help="IANA name such as Europe/Vienna.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Add a person. Without a password they cannot sign in yet; without --activate they wait for an administrator."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import service

        password = read_password(from_stdin=password_stdin) if password_stdin or ask_password else None
        async with desk.data.transaction() as session:
            user_id = await service.add_user(
                session,
                desk.actor,
                email=email,
                name=name,
                role=role,
                password=password,
                activate=activate,
                timezone=time_zone,
            )
        added = await _found(desk, email)
        if as_json:
            output.emit_json({"id": user_id, "email": added.email, "role": added.role, "status": added.status})
        else:
            typer.echo(f"Added {clean(added.name)} <{clean(added.email)}>, {_standing(added)}.")

    context.run(body)


@app.command()
def activate(email: Email) -> None:
    """Let a pending or deactivated person sign in."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import service

        person = await _found(desk, email)
        async with desk.data.transaction() as session:
            await service.activate(session, desk.actor, person.id)
        await _say(desk, person)

    context.run(body)


@app.command("set-role")
def set_role(
    email: Email, role: Annotated[str, typer.Argument(help="business_user, analyst, ops_manager or admin.")]
) -> None:
    """Give a person another role."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import service

        person = await _found(desk, email)
        async with desk.data.transaction() as session:
            await service.set_role(session, desk.actor, person.id, role)
        await _say(desk, person)

    context.run(body)


@app.command("set-password")
def set_password(email: Email, password_stdin: FromStdin = False) -> None:
    """Set a person's password. The first one of a pending person activates them."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import service

        person = await _found(desk, email)
        password = read_password(from_stdin=password_stdin)
        async with desk.data.transaction() as session:
            await service.set_password(session, desk.actor, person.id, password)
        await _say(desk, person)

    context.run(body)


async def _say(desk: Workspace, person: UserRow) -> None:
    """How the account stands now."""
    now = await _found(desk, person.email)
    typer.echo(f"{clean(now.name)} <{clean(now.email)}>: {_standing(now)}.")


def _standing(person: UserRow) -> str:
    password = "" if person.has_password else ", without a password"
    return f"{person.role}, {person.status}{password}"
