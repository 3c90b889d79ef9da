"""`datapulse channel`: the ways in which people are told."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace

app = context.noun("Notification channels: list, add, update, remove, test.")

SECRET_VARIABLE = "DATAPULSE_CHANNEL_SECRET"  # noqa: S105  (a name)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The channel's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Host = Annotated[str | None, typer.Option(help="email: the SMTP server.")]
Port = Annotated[int | None, typer.Option(help="email: its port (587).")]
Security = Annotated[str | None, typer.Option(help="email: starttls (default), tls or none.")]
Sender = Annotated[str | None, typer.Option(help="email: address of the sender. sms: number or sender id.")]
SenderName = Annotated[str | None, typer.Option(help="email: name of the sender (DataPulse).")]
Username = Annotated[str | None, typer.Option(help="email: who signs in; the password is the secret.")]
CaFile = Annotated[str | None, typer.Option(help="email, webhook: file of authorities to trust.")]
Account = Annotated[str | None, typer.Option(help="sms: the account's id; its token is the secret.")]
BaseUrl = Annotated[str | None, typer.Option(help="sms: the provider's address (https://api.twilio.com).")]
UrlStdin = Annotated[
    bool, typer.Option("--url-stdin", help="slack, webhook: read the address from stdin, on the first line.")
]
SecretStdin = Annotated[
    bool,
    typer.Option(
        "--secret-stdin",
        help=f"Read the password, token or signing secret from stdin ({SECRET_VARIABLE} may hold it instead).",
    ),
]

_SECRETS = {"email": "password", "sms": "token", "webhook": "secret"}
_URLS = ("slack", "webhook")


@app.command()
def add(
    name: Name,
    type_: Annotated[str, typer.Option("--type", metavar="TYPE", help="email, slack, sms or webhook.")],
    host: Host = None,
    port: Port = None,
    security: Security = None,
    sender: Sender = None,
    sender_name: SenderName = None,
    username: Username = None,
    ca_file: CaFile = None,
    account: Account = None,
    base_url: BaseUrl = None,
    url_stdin: UrlStdin = False,
    secret_stdin: SecretStdin = False,
    default: Annotated[
        bool | None, typer.Option("--default/--no-default", help="The one that rules mean which name none.")
    ] = None,
) -> None:
    """Add a channel. What is secret is read from stdin, the environment, or asked for."""
    given = _config(locals())

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.notify.schemas import config_class
        from datapulse_tui.notify.service import create_channel

        config_class(type_)  # a type that is not there is said before a secret is asked for
        needs_secret = type_ in _SECRETS and (type_ != "email" or username is not None)
        config = given | _secrets(type_, url=url_stdin or type_ in _URLS, secret=secret_stdin or needs_secret)
        async with desk.data.transaction() as session:
            await create_channel(
                session,
                desk.actor,
                SecretBox.from_settings(desk.settings),
                name=name,
                type=type_,
                config=config,
                default=default,
            )
        typer.echo(f"Added the channel {clean(name.strip())}. Try it: datapulse channel test {clean(name.strip())}")

    context.run(body)


@app.command()
def update(
    name: Name,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="The channel's new name.")] = None,
    host: Host = None,
    port: Port = None,
    security: Security = None,
    sender: Sender = None,
    sender_name: SenderName = None,
    username: Username = None,
    ca_file: CaFile = None,
    account: Account = None,
    base_url: BaseUrl = None,
    url_stdin: UrlStdin = False,
    secret_stdin: SecretStdin = False,
    default: Annotated[bool | None, typer.Option("--default/--no-default", help="Make it the default.")] = None,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Switch it on or off.")] = None,
) -> None:
    """Change parts of a channel; what is not named stays."""
    given = _config(locals())

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.notify import reads
        from datapulse_tui.notify.service import update_channel

        async with desk.data.reading() as session:
            found = (await reads.get_channel(session, desk.actor, name)).row
        changes = given | _secrets(found.type, url=url_stdin, secret=secret_stdin)
        if not changes and rename is None and default is None and on is None:
            raise Invalid("There is nothing to change.", hint="See: datapulse channel update --help")
        async with desk.data.transaction() as session:
            await update_channel(
                session,
                desk.actor,
                SecretBox.from_settings(desk.settings),
                found.id,
                name=rename,
                changes=changes,
                default=default,
                active=on,
            )
        typer.echo(f"Changed the channel {clean(rename or name)}.")

    context.run(body)


@app.command()
def remove(name: Name) -> None:
    """Delete a channel; what waits for it stands as failed."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.notify.service import delete_channel

        async with desk.data.transaction() as session:
            removed = await delete_channel(session, desk.actor, name)
        typer.echo(f"Deleted the channel {clean(removed)}.")

    context.run(body)


@app.command("test")
def send_test(
    name: Name,
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="email, sms: where to send it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send a test message now, and say what the channel answered; exit code 1 when it did not take it."""

    async def body(desk: Workspace) -> bool:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.notify.service import test_channel

        secrets = SecretBox.from_settings(desk.settings)
        result = await test_channel(desk.data, secrets, desk.actor, name, to=to)
        if as_json:
            output.emit_json(result)
        else:
            said = "took it" if result.sent else "did not take it"
            typer.echo(f"The channel {said} after {result.took * 1000:.0f} ms: {clean(result.answer)}")
        return result.sent

    if not context.run(body):
        raise typer.Exit(context.FAILED)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the channels."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.notify import reads

        async with desk.data.reading() as session:
            rows = await reads.channels(session, desk.actor)
        if as_json:
            output.emit_json(rows)
        else:
            output.emit_table(
                ["name", "type", "leads to", "on", "default", "checked", "problem"],
                [[r.name, r.type, r.address, r.is_active, r.is_default, r.checked_at, r.problem] for r in rows],
            )

    context.run(body)


_NAMES = {
    "host", "port", "security", "sender", "sender_name", "username", "ca_file", "account", "base_url",
}  # fmt: skip


def _config(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a command that belong to the configuration, those that were given."""
    return {name: options[name] for name in _NAMES if options[name] is not None}


def _secrets(type_: str, *, url: bool, secret: bool) -> dict[str, str]:
    """What must not stand in a list of processes or a shell's history: the address first, then the secret."""
    found = {}
    if url:
        found["url"] = _read("address")
    if secret and type_ in _SECRETS:
        field = _SECRETS[type_]
        found[field] = os.environ.get(SECRET_VARIABLE) or _read(field)
    return found


def _read(what: str) -> str:
    """One line of stdin, or what is typed unseen."""
    text = getpass.getpass(f"{what.capitalize()}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise Invalid(f"There is no {what} on stdin. Nothing was changed.", hint="Pipe it in, on a line of its own.")
    return text
