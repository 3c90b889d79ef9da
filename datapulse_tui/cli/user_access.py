"""The commands of `datapulse user` that let people in: invitations, passwords, sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.invitations import Invited
    from datapulse_tui.people.reads import UserRow

PAGE = 1_000
SESSION_COLUMNS = ("id", "person", "kind", "from", "with", "since", "seen", "lost")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Mail = Annotated[bool, typer.Option("--mail/--no-mail", help="Send the code to their address as well.")]


def attach(app: typer.Typer) -> None:
    """Add the commands to the noun `user`."""
    app.command("invite")(invite)
    app.command("invite-again")(invite_again)
    app.command("revoke-invitation")(revoke_invitation)
    app.command("reset-password")(reset_password)
    app.command("unlock")(unlock)
    app.command("sessions")(list_sessions)
    app.command("end-session")(end_session)


async def found(desk: Workspace, email: str) -> UserRow:
    """The person with that address. Raises NotFound."""
    from datapulse_tui.people import reads

    async with desk.data.reading() as session:
        return await reads.get_user(session, desk.actor, email)


def invite(
    email: Email,
    name: Annotated[str, typer.Option("--name", help="The person's full name.")],
    role: Annotated[
        str, typer.Option("--role", help="business_user, analyst, ops_manager or admin.")
    ] = "business_user",
    department: Annotated[str | None, typer.Option("--department", help="The name of their department.")] = None,
    time_zone: Annotated[str, typer.Option("--time-zone", help="IANA name such as Europe/Vienna.")] = "UTC",
    mail: Mail = True,
    as_json: AsJson = False,
) -> None:
    """Add a person and invite them. Prints the code with which they choose their password, for reading out."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import invitations

        async with desk.data.transaction() as session:
            invited = await invitations.invite(
                session,
                desk.actor,
                email=email,
                name=name,
                role=role,
                department_id=None if department is None else await _department(desk, department),
                timezone=time_zone,
                mail=mail,
            )
        _tell_invited(await found(desk, email), invited, mail=mail, as_json=as_json)

    context.run(body)


def invite_again(email: Email, mail: Mail = True, as_json: AsJson = False) -> None:
    """Give a person who has no password yet another code. The one before is worth nothing from now on."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import invitations

        person = await found(desk, email)
        async with desk.data.transaction() as session:
            invited = await invitations.invite_again(session, desk.actor, person.id, mail=mail)
        _tell_invited(person, invited, mail=mail, as_json=as_json)

    context.run(body)


def revoke_invitation(email: Email) -> None:
    """Take an invitation back. The account stays and waits."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import invitations

        person = await found(desk, email)
        async with desk.data.transaction() as session:
            await invitations.revoke_invitation(session, desk.actor, person.id)
        typer.echo(f"The invitation of {who(person)} was taken back.")

    context.run(body)


def reset_password(email: Email, as_json: AsJson = False) -> None:
    """Give a person a temporary password, which is shown once and has to be changed. Their sessions end."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import service

        person = await found(desk, email)
        async with desk.data.transaction() as session:
            temporary = await service.reset_password(session, desk.actor, person.id)
        if as_json:
            output.emit_json({"email": person.email, "password": temporary})
            return
        typer.echo(f"The temporary password of {who(person)} is {temporary}")
        typer.echo("It is shown this once, and has to be changed with the next sign-in.")

    context.run(body)


def unlock(email: Email) -> None:
    """Let a person whose failed sign-ins make them wait try again at once."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import service

        person = await found(desk, email)
        async with desk.data.transaction() as session:
            await service.unlock(session, desk.actor, person.id)
        typer.echo(f"{who(person)} may try again at once.")

    context.run(body)


def list_sessions(
    email: Annotated[str | None, typer.Argument(metavar="[EMAIL]", help="Only this person's.")] = None,
    as_json: AsJson = False,
) -> None:
    """List who is signed in, the latest first."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.page import every
        from datapulse_tui.people.sessions import live_sessions

        user_id = None if email is None else (await found(desk, email)).id
        async with desk.data.reading() as session:
            rows = await every(
                lambda after: live_sessions(session, desk.actor, user_id=user_id, after=after, limit=PAGE)
            )
        if as_json:
            output.emit_json(rows)
            return
        output.emit_table(
            SESSION_COLUMNS,
            (
                (
                    row.id,
                    row.email,
                    row.kind,
                    row.ip_address,
                    row.user_agent,
                    row.started_at,
                    row.last_seen_at,
                    row.lost,
                )
                for row in rows
            ),
        )

    context.run(body)


def end_session(
    session_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Which; `user sessions` shows it.")] = None,
    of: Annotated[str | None, typer.Option("--all-of", metavar="EMAIL", help="All sessions of this person.")] = None,
) -> None:
    """End a session, or all of a person's. Their desk goes to the sign-in within a second."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import sessions

        if (session_id is None) == (of is None):
            raise Invalid("Name one session by its id, or a person with --all-of. Nothing was changed.")
        if of is not None:
            person = await found(desk, of)
            async with desk.data.transaction() as session:
                ended = await sessions.end_all(session, desk.actor, person.id)
            typer.echo(f"{ended} session{'' if ended == 1 else 's'} of {who(person)} ended.")
            return
        async with desk.data.transaction() as session:
            await sessions.end(session, desk.actor, session_named(session_id or ""))
        typer.echo("The session was ended.")

    context.run(body)


def session_named(text: str) -> UUID:
    """The id of a session as it is typed. Raises Invalid."""
    try:
        return UUID(text.strip())
    except ValueError:
        raise Invalid(
            f"{text[:60]!r} is no id of a session. Nothing was changed.", hint="`user sessions` shows them."
        ) from None


async def _department(desk: Workspace, name: str) -> UUID:
    from datapulse_tui.people.department_reads import get_department

    async with desk.data.reading() as session:
        return (await get_department(session, desk.actor, name.strip())).row.id


def _tell_invited(person: UserRow, invited: Invited, *, mail: bool, as_json: bool) -> None:
    if as_json:
        output.emit_json(
            {
                "id": invited.user_id,
                "email": person.email,
                "code": invited.code,
                "expires_at": invited.expires_at,
                "mailed": invited.mailed,
            }
        )
        return
    typer.echo(f"{who(person)} is invited as {person.role}. The code, good until {output.cell(invited.expires_at)}:")
    typer.echo(f"    {invited.code}")
    if invited.mailed:
        typer.echo("A mail with it is on its way. It is shown this once.")
    else:
        why = "No mail goes: there is no e-mail channel." if mail else "No mail goes."
        typer.echo(f"{why} Read the code out; it is shown this once.")


def who(person: UserRow) -> str:
    """Their name and address."""
    return f"{clean(person.name)} <{clean(person.email)}>"
