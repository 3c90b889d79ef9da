"""`datapulse db`: the database itself."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from datapulse_tui.cli import context, db_backup, db_roles, db_server, output
from datapulse_tui.errors import DataPulseError

app = context.noun("The database: upgrade, check, url, backup, restore, roles; start and stop the embedded server.")
for part in (db_backup, db_roles, db_server):
    app.add_typer(part.app)


@app.command()
def upgrade() -> None:
    """Bring the database up to this program's schema. Needs the owner's address (DATAPULSE_OWNER_URL)."""
    settings = context.settings()
    from datapulse_tui.data import migrate
    from datapulse_tui.data.addresses import owner_url

    try:
        url = owner_url(settings)
        before = migrate.current(url)
        migrate.upgrade(url)
        after = migrate.current(url)
    except DataPulseError as error:
        context.fail(error)
    typer.echo("The schema is up to date." if before == after else f"Upgraded from {before or 'empty'} to {after}.")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go back to; `base` removes every table.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the schema back. What the later steps added is lost, with the data in it."""
    settings = context.settings()
    from datapulse_tui.data import migrate
    from datapulse_tui.data.addresses import owner_url

    if not yes:
        typer.confirm(
            f"Go back to {revision}? Tables and columns added since then are lost, with their data.", abort=True
        )
    try:
        url = owner_url(settings)
        migrate.downgrade(url, revision)
        after = migrate.current(url)
    except DataPulseError as error:
        context.fail(error)
    typer.echo(f"The schema stands at {after or 'base: no tables'}.")


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say whether the database answers and its schema fits this program; exit code 1 when it does not."""
    from datapulse_tui.data.connect import connect
    from datapulse_tui.data.health import health

    settings = context.settings()

    async def look() -> dict[str, object]:
        connection = await connect(settings, check_schema=False)
        try:
            return await health(connection.data)
        finally:
            await connection.data.dispose()

    try:
        found = asyncio.run(look())
    except DataPulseError as error:
        context.fail(error)
    if as_json:
        output.emit_json(found)
    else:
        output.emit_table(("what", "value"), found.items())
    if found["schema"] != "current":
        raise typer.Exit(context.FAILED)


@app.command()
def url() -> None:
    """Show which database is used, without its password."""
    from datapulse_tui.data.addresses import addresses
    from datapulse_tui.data.engine import parse_url

    settings = context.settings()
    try:
        found = addresses(settings)
    except DataPulseError as error:
        context.fail(error)
    for name in ("app", "direct", "owner"):
        typer.echo(f"{name:7}{parse_url(getattr(found, name)).render_as_string(hide_password=True)}")
