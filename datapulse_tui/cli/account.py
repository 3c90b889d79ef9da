"""`datapulse account`: one's own account, for whoever acts (`--as EMAIL`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output, secret_input
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from uuid import UUID

    from datapulse_tui.cli.context import Workspace

app = context.noun("Your own account: profile, password, sessions.")

STDIN = "--password-stdin"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _me(desk: Workspace) -> UUID:
    if desk.actor.user_id is None:
        raise Invalid(
            "An account belongs to a person, and you act as an operator. Nothing was changed.",
            hint="Say whose: datapulse --as EMAIL account ...",
        )
    return desk.actor.user_id


@app.command()
def profile(
    name: Annotated[str | None, typer.Option("--name", help="Your full name.")] = None,
    phone: Annotated[str | None, typer.Option("--phone", help="Where SMS go; empty takes it away.")] = None,
    time_zone: Annotated[str | None, typer.Option("--time-zone", help="IANA name such as Europe/Vienna.")] = None,
    avatar: Annotated[str | None, typer.Option("--picture", help="A path or an address; empty takes it away.")] = None,
    bio: Annotated[str | None, typer.Option("--about", help="What you say of yourself; empty takes it away.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show your account, or change what is given."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import reads, service

        me = _me(desk)
        if any(each is not None for each in (name, phone, time_zone, avatar, bio)):
            async with desk.data.transaction() as session:
                await service.set_profile(
                    session, desk.actor, me, name=name, phone=phone, timezone=time_zone, avatar=avatar, bio=bio
                )
        async with desk.data.reading() as session:
            found = await reads.own_profile(session, desk.actor)
        if as_json:
            output.emit_json(found)
            return
        account = found.account
        lines = (
            ("name", account.name),
            ("e-mail", account.email),
            ("role", ", ".join((account.role, *found.custom_roles))),
            ("department", account.department or ""),
            ("phone", account.phone or ""),
            ("time zone", account.zone),
            ("picture", found.avatar),
            ("about", found.bio),
            ("password", "temporary" if found.must_change_password else output.cell(found.password_changed_at)),
            ("signed in", output.cell(account.last_login)),
        )
        for label, value in lines:
            typer.echo(f"{label:<12}{clean(value)}".rstrip())

    context.run(body)


@app.command()
def password(
    password_stdin: Annotated[
        bool, typer.Option(STDIN, help="Read the present and the new password from two lines of stdin.")
    ] = False,
) -> None:
    """Change your password, with the one that you have. Your sessions end."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people.own_password import change_own_password

        _me(desk)
        if password_stdin:
            old, new = secret_input.from_stdin("present password", "new password")
        else:
            old = secret_input.asked("Present password", STDIN)
            new = secret_input.asked("New password", STDIN, twice=True)
        await change_own_password(desk.data, desk.actor, old, new)
        typer.echo("Your password was changed, and your sessions were ended.")

    context.run(body)


@app.command()
def sessions(
    end: Annotated[str | None, typer.Option("--end", metavar="ID", help="End this one.")] = None,
    end_all: Annotated[bool, typer.Option("--end-all", help="End all of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """List where you are signed in, the latest first, or end that."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.cli.user_access import SESSION_COLUMNS, session_named
        from datapulse_tui.people import sessions as service

        me = _me(desk)
        if end is not None or end_all:
            async with desk.data.transaction() as session:
                if end is not None:
                    await service.end(session, desk.actor, session_named(end))
                else:
                    await service.end_all(session, desk.actor, me)
        async with desk.data.reading() as session:
            rows = (await service.live_sessions(session, desk.actor, user_id=me, limit=1_000)).items
        if as_json:
            output.emit_json(rows)
            return
        shown = (
            (row.id, row.email, row.kind, row.ip_address, row.user_agent, row.started_at, row.last_seen_at, row.lost)
            for row in rows
        )
        output.emit_table(SESSION_COLUMNS, shown)

    context.run(body)
