"""`datapulse source`: data sources, and who may query them."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path as FilePath
    from uuid import UUID

    from datapulse_tui.cli.context import Workspace

app = context.noun("Data sources: add, update, check, list, grant, revoke.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The source's name.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Host = Annotated[str | None, typer.Option(help="postgresql: host name, or socket folder.")]
Port = Annotated[int | None, typer.Option(help="postgresql: port (5432).")]
Dbname = Annotated[str | None, typer.Option(help="postgresql: database.")]
User = Annotated[str | None, typer.Option(help="postgresql: role to connect as; one that may only read.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="postgresql: read the password from stdin.")]
UrlStdin = Annotated[bool, typer.Option("--url-stdin", help="postgresql: read a postgresql:// address from stdin.")]
Service = Annotated[str | None, typer.Option(help="postgresql: an entry of pg_service.conf.")]
SslMode = Annotated[str | None, typer.Option(help="postgresql: disable ... verify-full (prefer).")]
SslRootCert = Annotated[str | None, typer.Option(help="postgresql: file of the certificate authorities.")]
TimeZone = Annotated[str | None, typer.Option("--timezone", help="postgresql: zone of the session (UTC).")]
Path = Annotated[str | None, typer.Option(help="csv: a file, or a folder in which each *.csv is a table.")]
Delimiter = Annotated[str | None, typer.Option(help="csv: what separates the columns.")]
Header = Annotated[bool | None, typer.Option("--header/--no-header", help="csv: whether the first line has names.")]
Encoding = Annotated[str | None, typer.Option(help="csv: utf-8, utf-16 or latin-1.")]
DecimalSeparator = Annotated[str | None, typer.Option(help="csv: . or ,")]
NullValue = Annotated[list[str] | None, typer.Option(help="csv: a text that stands for no value; can be repeated.")]
MaxConnections = Annotated[int | None, typer.Option(help="Queries of one process at once (4).")]
Timeout = Annotated[float | None, typer.Option("--statement-timeout", help="Seconds that one query may take (30).")]
AllowFunction = Annotated[
    list[str] | None, typer.Option(help="A function that queries may call besides the usual ones; can be repeated.")
]


@app.command()
def add(
    name: Name,
    type_: Annotated[str, typer.Option("--type", help="postgresql or csv.")],
    host: Host = None,
    port: Port = None,
    dbname: Dbname = None,
    user: User = None,
    password_stdin: PasswordStdin = False,
    url_stdin: UrlStdin = False,
    service: Service = None,
    sslmode: SslMode = None,
    sslrootcert: SslRootCert = None,
    timezone: TimeZone = None,
    path: Path = None,
    delimiter: Delimiter = None,
    header: Header = None,
    encoding: Encoding = None,
    decimal_separator: DecimalSeparator = None,
    null_value: NullValue = None,
    max_connections: MaxConnections = None,
    statement_timeout: Timeout = None,
    allow_function: AllowFunction = None,
) -> None:
    """Add a source, and check it. It is kept also when the check fails."""
    given = _config(locals())

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.sources import service as sources_service
        from datapulse_tui.sources.schemas import config_class

        config_class(type_)  # a type that is not there is said before a password is asked for
        config = {**given, **_secrets(password_stdin=password_stdin, url_stdin=url_stdin)}
        async with desk.data.transaction() as session:
            await sources_service.add_source(
                session,
                desk.actor,
                SecretBox.from_settings(desk.settings),
                name=name,
                type=type_,
                config=config,
                csv_folders=_csv_folders(desk),
            )
        typer.echo(f"Added the source {clean(name.strip())}.")
        await _check(desk, name.strip())

    context.run(body)


@app.command()
def update(
    name: Name,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="The source's new name.")] = None,
    host: Host = None,
    port: Port = None,
    dbname: Dbname = None,
    user: User = None,
    password_stdin: PasswordStdin = False,
    url_stdin: UrlStdin = False,
    service: Service = None,
    sslmode: SslMode = None,
    sslrootcert: SslRootCert = None,
    timezone: TimeZone = None,
    path: Path = None,
    delimiter: Delimiter = None,
    header: Header = None,
    encoding: Encoding = None,
    decimal_separator: DecimalSeparator = None,
    null_value: NullValue = None,
    max_connections: MaxConnections = None,
    statement_timeout: Timeout = None,
    allow_function: AllowFunction = None,
) -> None:
    """Change parts of a source; what is not named stays. --allow-function adds to those that are allowed already."""
    given = _config(locals())

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.sources import service as sources_service

        changes = {**given, **_secrets(password_stdin=password_stdin, url_stdin=url_stdin)}
        functions = changes.pop("allowed_functions", ())
        if not changes and not functions and rename is None:
            raise Invalid("There is nothing to change.", hint="See: datapulse source update --help")
        async with desk.data.transaction() as session:
            changed = await sources_service.update_source(
                session,
                desk.actor,
                SecretBox.from_settings(desk.settings),
                name,
                name=rename,
                changes=changes,
                allow_functions=functions,
                csv_folders=_csv_folders(desk),
            )
        typer.echo(f"Changed the source {clean(rename or name)}.")
        if changes or functions:
            await _check(desk, changed)

    context.run(body)


@app.command()
def check(name: Name, as_json: AsJson = False) -> None:
    """Connect to a source, look at its tables, and warn where its role could write."""

    async def body(desk: Workspace) -> None:
        await _check(desk, name, as_json=as_json)

    context.run(body)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the sources that you may see."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.page import every
        from datapulse_tui.sources import reads

        async with desk.data.reading() as session:
            rows = await every(lambda after: reads.list_sources(session, desk.actor, after=after, limit=500))
        if as_json:
            output.emit_json(rows)
        else:
            output.emit_table(
                ["name", "type", "status", "address", "last check", "you may query", "problem"],
                [[r.name, r.type, r.status, r.address, r.last_sync, r.granted, r.problem] for r in rows],
            )

    context.run(body)


@app.command()
def grant(name: Name, email: Email) -> None:
    """Let a person run and save SQL on a source."""
    _change_grant(name, email, give=True)


@app.command()
def revoke(name: Name, email: Email) -> None:
    """Take a grant back."""
    _change_grant(name, email, give=False)


def _change_grant(name: str, email: str, *, give: bool) -> None:
    async def body(desk: Workspace) -> None:
        from datapulse_tui.sources import service as sources_service

        verb = sources_service.grant_source if give else sources_service.revoke_source
        async with desk.data.transaction() as session:
            changed = await verb(session, desk.actor, name, email)
        person, source = clean(email), clean(name)
        if not changed:
            typer.echo(f"Nothing to do: {person} {'may already' if give else 'could not'} query {source}.")
        else:
            typer.echo(f"{person} may {'now' if give else 'no longer'} query {source}.")

    context.run(body)


async def _check(desk: Workspace, source: UUID | str, *, as_json: bool = False) -> None:
    from datapulse_tui.sources import service as sources_service
    from datapulse_tui.sources.pool import Sources

    sources = Sources.from_settings(desk.settings)
    try:
        found = await sources_service.check_source(desk.data, sources, desk.actor, source)
    finally:
        await sources.close()
    if as_json:
        output.emit_json(found)
        return
    count = len(found.schema.tables)
    more = " (and more)" if found.schema.truncated else ""
    version, took = clean(found.check.version), found.check.took * 1000
    typer.echo(f"It answers: {version}, {count} {'table' if count == 1 else 'tables'}{more}, {took:.0f} ms.")
    for warning in found.check.warnings:
        typer.echo(f"Warning: {clean(warning)}", err=True)


def _csv_folders(desk: Workspace) -> tuple[FilePath, ...]:
    return desk.settings.allowed_csv_folders


_NAMES = {
    "host", "port", "dbname", "user", "service", "sslmode", "sslrootcert", "timezone", "path", "delimiter", "header",
    "encoding", "decimal_separator", "max_connections", "statement_timeout",
}  # fmt: skip
_RENAMED = {"null_value": "null_values", "allow_function": "allowed_functions"}


def _config(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a command that belong to the configuration, those that were given."""
    given = {name: options[name] for name in _NAMES if options[name] is not None}
    lists = {field: options[option] for option, field in _RENAMED.items() if options[option]}
    return given | lists


def _secrets(*, password_stdin: bool, url_stdin: bool) -> dict[str, str]:
    """What is read from stdin, so that no secret stands in a list of processes or a shell's history."""
    if password_stdin and url_stdin:
        raise Invalid("Only one of --password-stdin and --url-stdin can be read from stdin.", hint="Give one of them.")
    if not password_stdin and not url_stdin:
        return {}
    name = "password" if password_stdin else "url"
    asked = sys.stdin.isatty()
    text = getpass.getpass(f"{name.capitalize()}: ") if asked else sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise Invalid(f"There is no {name} on stdin. Nothing was changed.", hint="Pipe it in, on one line.")
    return {name: text}
