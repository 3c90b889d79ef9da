"""`datapulse demo`: the desk on a sample workspace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.cli import context, output
from datapulse_tui.errors import DataPulseError

if TYPE_CHECKING:
    from datapulse_tui.config import Settings
    from datapulse_tui.demo.inspection import DemoReport

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def demo(
    run: typer.Context,
    as_email: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="Sign in as this sample person, without a password.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Delete the demo and start over.")] = False,
    headless: Annotated[
        bool, typer.Option("--headless", help="Make it, run every widget, print what there is as JSON, and end.")
    ] = False,
) -> None:
    """Open a desk with a sample workspace in its own database. Everybody's password there is `datapulse-demo`.

    The database and the generated sample files lie in the folder `demo` of DATAPULSE_HOME; nothing else is touched.
    """
    settings = _demo_settings()
    try:
        if reset:
            from datapulse_tui.demo import workspace

            workspace.reset(settings)
        if headless:
            found = asyncio.run(_inspect(settings))
            output.emit_json(found)
            raise typer.Exit(0 if found.ok else context.FAILED)
    except DataPulseError as error:
        context.fail(error)
    from datapulse_tui.demo.cast import DEFAULT_EMAIL
    from datapulse_tui.tui.app import run_desk

    given = as_email or run.find_root().params.get("as_email")
    raise typer.Exit(run_desk(demo=True, as_email=given or DEFAULT_EMAIL))


def _demo_settings() -> Settings:
    from datapulse_tui.demo.workspace import demo_settings

    return demo_settings(context.settings())


async def _inspect(settings: Settings) -> DemoReport:
    from datapulse_tui.demo.workspace import open_demo

    connection = await open_demo(settings)
    try:
        from datapulse_tui.demo.inspection import inspect

        return await inspect(connection)
    finally:
        await connection.data.dispose()
