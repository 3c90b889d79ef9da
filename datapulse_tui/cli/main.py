"""The command line: `datapulse` opens the desk, `datapulse NOUN VERB` does one thing without a screen."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from datapulse_tui import __version__
from datapulse_tui.cli import context as command_context

# noun -> (module with `app`, what it is about). Modules are imported when their noun is used, or for `--help`.
NOUNS = {
    "demo": ("demo", "Open a desk with a sample workspace in its own database."),
    "user": ("user", "People: add, invite, list, activate, deactivate, roles, passwords, sessions, handing over."),
    "account": ("account", "Your own account: profile, password, sessions."),
    "accept": ("accept", "Accept an invitation: choose your first password with its code."),
    "role": ("role", "Roles: list, show, make, change, delete, give, take; who has them, and what there is to give."),
    "department": ("department", "Departments: list, show, make, change, delete, move people."),
    "source": ("source", "Data sources: add, check, list, grant."),
    "query": ("query", "Run and save queries."),
    "dashboard": ("dashboard", "Dashboards as files: apply, export, list, render."),
    "alert": ("alert", "Alerts: list and triage incidents; rules as files."),
    "workflow": ("workflow", "Approvals: make requests, list, show and decide them, name substitutes."),
    "channel": ("channel", "Notification channels: list, add, update, remove, test."),
    "delivery": ("delivery", "Notifications: list, show, retry."),
    "audit": ("audit", "The audit trail: list, show, verify, export, purge."),
    "api-key": ("api_key", "API keys for scripts: list, scopes, create, rotate, revoke."),
    "ssh-key": ("ssh_key", "SSH keys: list, add, admit, revoke."),
    "secrets": ("secrets", "The secret key under which passwords are stored: status, rotate."),
    "worker": ("worker", "Background work: run a worker, see how workers are, run failed jobs again."),
    "health": ("health", "How everything is: workers, queues, deliveries, sources, the database."),
    "doctor": ("doctor", "Look a set-up over from end to end and say what to mend."),
    "db": ("db", "The database: upgrade, check, url, backup, restore, roles; start and stop the embedded server."),
}


class LazyGroup(TyperGroup):
    """Finds a noun's commands in its own module, imported when it is asked for.

    The types are typer's own copy of click's, which it keeps private; hence Any.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *NOUNS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        module, about = NOUNS[cmd_name]
        command = typer.main.get_command(importlib.import_module(f"datapulse_tui.cli.{module}").app)
        command.name = cmd_name
        command.help = command.help or about
        return command


app = typer.Typer(
    cls=LazyGroup,
    invoke_without_command=True,
    no_args_is_help=False,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A business-intelligence and operations desk that lives in the terminal. Without a command: open the desk.",
)


@app.callback()
def root(
    context: typer.Context,
    as_email: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", envvar="DATAPULSE_AS", help="Act as this person.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Open the desk, unless a command follows."""
    if version:
        typer.echo(f"datapulse {__version__}")
        raise typer.Exit
    command_context.set_options(as_email=as_email)
    if context.invoked_subcommand is None:
        _no_key_beside(as_email)
        from datapulse_tui.tui.app import run_desk

        raise typer.Exit(run_desk(as_email=as_email))


def _no_key_beside(as_email: str | None) -> None:
    """End with a message where an API key is given and `--as` as well: a desk would let the operator in."""
    if as_email is None:
        return
    import os

    from datapulse_tui.errors import DataPulseError
    from datapulse_tui.people.operator import given_key

    try:
        given_key(os.environ, as_email=as_email)
    except DataPulseError as error:
        command_context.fail(error)
