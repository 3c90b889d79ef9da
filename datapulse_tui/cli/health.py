"""`datapulse health`: how everything is, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean, fit
from datapulse_tui.cli import context, output

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.operations.health.parts import Part

app = typer.Typer(
    help="How everything is: workers, queues, deliveries, sources, the database.",
    invoke_without_command=True,
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

TITLE_WIDTH = 14


@app.callback()
def health(
    part: Annotated[
        list[str] | None, typer.Option("--part", metavar="PART", help="Only this part, with all that is known of it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say in one line how each part is; exit code 1 when one is bad.

    Parts: workers, queues, jobs, deliveries, evaluation, sources, pools, database, versions.
    """

    async def body(desk: Workspace) -> tuple[Part, ...]:
        from datapulse_tui.operations.health.reading import health as read

        return await read(desk.data, desk.actor, only=tuple(part or ()))

    found = context.run(body)
    if as_json:
        output.emit_json({"state": _worst(found), "parts": found})
    else:
        for each in found:
            typer.echo(
                f"{each.state.sign} {fit(each.state.value, 8)} {fit(each.title, TITLE_WIDTH)} {clean(each.says)}"
            )
            if part:
                _details(each)
    if _worst(found) == "bad":
        raise typer.Exit(context.FAILED)


def _worst(parts: tuple[Part, ...]) -> str:
    from datapulse_tui.operations.health.parts import worst

    return worst(parts).value


def _details(part: Part) -> None:
    if part.facts:
        typer.echo()
        output.emit_table(("what", "is"), [(fact.label, _text(fact.value)) for fact in part.facts])
    for table in part.tables:
        typer.echo(f"\n{table.title}")
        output.emit_table(table.columns, table.rows)
    typer.echo()


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else output.cell(value)
