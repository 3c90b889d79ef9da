"""`datapulse db init-roles`: owner and application role on a shared server."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from datapulse_tui.cli import context, output
from datapulse_tui.config_files import ROLE_SECRETS
from datapulse_tui.errors import DataPulseError, Invalid

app = context.noun("Roles of a shared server.")

ADMIN, OWNER_PASSWORD, APPLICATION_PASSWORD = ROLE_SECRETS


@app.command("init-roles")
def init_roles(
    database: Annotated[str, typer.Option(metavar="NAME", help="The database of DataPulse.")] = "datapulse",
    owner: Annotated[str, typer.Option(metavar="ROLE", help="The role that owns it.")] = "datapulse_owner",
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the roles' passwords.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make the owner's and the application's role and the database on a shared server, with least privilege.

    DATAPULSE_ADMIN_URL names the server and its administrator (a superuser, or a role with CREATEROLE and CREATEDB);
    without it you are asked, and it is kept nowhere. Passwords come from DATAPULSE_OWNER_PASSWORD and
    DATAPULSE_APP_PASSWORD, or are made up and shown once. May be run again: what is right stays.
    """
    from datapulse_tui.data import roles

    try:
        admin_url = _admin_url()
        given = {name: os.environ.get(name, "") for name in (OWNER_PASSWORD, APPLICATION_PASSWORD)}
        if ask:
            given = {name: value or _secret(f"Password for {name}") for name, value in given.items()}
        names = roles.Names(owner=owner, database=database)
        made = roles.init_roles(
            admin_url,
            names=names,
            owner_password=given[OWNER_PASSWORD],
            application_password=given[APPLICATION_PASSWORD],
        )
    except DataPulseError as error:
        context.fail(error)
    both = (made.owner, made.application)
    if as_json:
        output.emit_json(
            {
                "roles": [
                    {"role": each.name, "made": each.made, "taken": each.taken, "password": each.password or None}
                    for each in both
                ],
                "database_made": made.database_made,
                "owner_address": made.owner_address,
                "application_address": made.application_address,
                "warnings": made.warnings,
            }
        )
        return
    for line in (*roles.described(made), *made.warnings):
        typer.echo(line)
    for each in both:
        if each.password:
            typer.echo(f"Password of {each.name}, shown this once: {each.password}")
    typer.echo("\nPut the passwords into these addresses:")
    typer.echo(f"  DATAPULSE_DATABASE_URL={made.application_address}")
    typer.echo(f"  DATAPULSE_OWNER_URL={made.owner_address}    # only where you upgrade and back up")
    typer.echo("Then: datapulse db upgrade")


def _admin_url() -> str:
    from datapulse_tui.config import database_address

    question = "Address of the administrator, postgresql://user:password@host/postgres"
    text = os.environ.get(ADMIN, "") or _secret(question)
    try:
        return database_address(text)
    except ValueError as error:
        raise Invalid(f"The administrator's address is not valid: {error}.", hint=f"Give it in {ADMIN}.") from None


def _secret(question: str) -> str:
    if not sys.stdin.isatty():
        raise Invalid(f"Nobody is there to be asked for: {question}. Nothing was changed.", hint=f"Set {ADMIN}.")
    answer: str = typer.prompt(question, hide_input=True)
    return answer
