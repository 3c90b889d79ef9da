"""`datapulse db start | stop | status`: the embedded server, seen from outside a desk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.cli import context, output
from datapulse_tui.errors import DataPulseError, Invalid

if TYPE_CHECKING:
    from datapulse_tui.data.embedded import ServerStatus

app = context.noun("The embedded database server.")

# As `pg_ctl status` and `systemctl status` answer.
NOT_RUNNING = 3


@app.command()
def start() -> None:
    """Start the embedded server and keep it running without a desk, until `datapulse db stop`."""
    with _embedded_home() as home:
        from datapulse_tui.data import embedded

        server = embedded.start(home)
        server.pin()
        server.release()
        typer.echo(f"The embedded database of {home} runs until `datapulse db stop`.")


@app.command()
def stop() -> None:
    """Stop the embedded server, also while desks are open: they say so, and nothing that was saved is lost."""
    with _embedded_home() as home:
        from datapulse_tui.data import embedded

        if embedded.stop(home):
            typer.echo(f"The embedded database of {home} has stopped.")
        else:
            typer.echo(f"The embedded database of {home} was not running.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether the embedded server runs, where its data is and who uses it. Exits with 3 when it does not run."""
    with _embedded_home() as home:
        from datapulse_tui.data import embedded

        found = embedded.status(home)
    if as_json:
        output.emit_json(found)
    else:
        typer.echo(_in_words(found))
    if not found.running:
        raise typer.Exit(NOT_RUNNING)


def _in_words(found: ServerStatus) -> str:
    lines = [
        ("server", f"PostgreSQL {found.version}, " + (f"running, pid {found.pid}" if found.running else "stopped"))
    ]
    if found.running:
        clients = "unknown on this system" if found.clients is None else str(found.clients)
        lines.append(("clients", clients))
        lines.append(("stops", "with `datapulse db stop`" if found.pinned else "with its last client"))
        lines.append(("socket", str(found.socket_dir)))
    lines.append(("data", str(found.data_dir)))
    return "\n".join(f"{name:<8} {value}" for name, value in lines)


@contextmanager
def _embedded_home() -> Iterator[Path]:
    """The home whose server is meant. An error that people see goes to stderr and ends the command."""
    settings = context.settings()
    try:
        if not settings.embedded:
            raise Invalid(
                "A shared server is named in DATAPULSE_DATABASE_URL or the config file, so there is no embedded one.",
                hint="Start and stop that server with its own tools.",
            )
        yield settings.home
    except DataPulseError as error:
        context.fail(error)
