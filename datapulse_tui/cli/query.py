"""`datapulse query`: run SQL on a source, save it, list what is saved."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.data.result import Result

app = context.noun("Run and save queries.")

DEFAULT_LIMIT = 500  # rows, on a terminal
_PARAMETER = re.compile(r"[^\W\d]\w*")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d{1,3})?")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}

Source = Annotated[str, typer.Option("--source", "-s", metavar="NAME", help="The source to ask.")]


@app.command()
def run(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT; - reads it from stdin.")],
    source: Source,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="K=V", help="Value for :k; k:=V is always text. Can be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="Print a table (the default).")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows at most.")] = DEFAULT_LIMIT,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds at most.")] = 30.0,
) -> None:
    """Run a query on a source. Sources are only read; what would change something is refused."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.sources import service
        from datapulse_tui.sources.pool import Sources

        if as_json + as_csv + as_table > 1:
            raise Invalid("Only one of --json, --csv and --table can be printed.", hint="Give one of them.")
        text = sys.stdin.read() if sql == "-" else sql
        values = parse_params(param or [])
        sources = Sources.from_settings(desk.settings)
        try:
            result = await service.run_query(
                desk.data, sources, desk.actor, source=source, sql=text, params=values, limit=limit, timeout=timeout
            )
        finally:
            await sources.close()
        _print(result, as_json=as_json, as_csv=as_csv)

    context.run(body)


@app.command()
def save(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The query's name; yours of that name is replaced.")],
    sql: Annotated[str, typer.Option("--sql", help="One SELECT; - reads it from stdin.")],
    source: Source,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
) -> None:
    """Save a query in the name of the person who acts (`datapulse --as EMAIL query save ...`)."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.sources import service

        text = sys.stdin.read() if sql == "-" else sql
        async with desk.data.transaction() as session:
            await service.save_query(session, desk.actor, name=name, sql=text, source=source, description=description)
        typer.echo(f"Saved the query {clean(name.strip())}.")

    context.run(body)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show your saved queries and those on the sources that are granted to you."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.page import every
        from datapulse_tui.sources import reads

        async with desk.data.reading() as session:
            rows = await every(lambda after: reads.list_queries(session, desk.actor, after=after, limit=500))
        if as_json:
            output.emit_json(rows)
        else:
            output.emit_table(
                ["name", "source", "owner", "changed", "sql"],
                [[r.name, r.source, r.owner, r.updated_at, " ".join(r.sql.split())[:60]] for r in rows],
            )

    context.run(body)


def parse_params(given: list[str]) -> dict[str, object]:
    """`k=v` words as values: numbers, true, false and null as such, everything else as text; `k:=v` is always text.

    Raises Invalid for a word of another form.
    """
    values: dict[str, object] = {}
    for word in given:
        name, separator, value = word.partition("=")
        as_text = name.endswith(":")
        name = name.removesuffix(":").strip()
        if not separator or not _PARAMETER.fullmatch(name):
            raise Invalid(
                f"--param {word[:60]!r} is not of the form NAME=VALUE. The query was not run.",
                hint="Write it like --param region=north or, for digits that are text, --param code:=0042.",
            )
        values[name] = value if as_text else _typed(value)
    return values


def _typed(value: str) -> object:
    if value.lower() in _CONSTANTS:
        return _CONSTANTS[value.lower()]
    if _INTEGER.fullmatch(value):
        return int(value)
    if _NUMBER.fullmatch(value):
        return Decimal(value)
    return value


def _print(result: Result, *, as_json: bool, as_csv: bool) -> None:
    """Print the rows; that there are more is told on stderr (and in the JSON), never left out."""
    if as_json:
        output.emit_json(
            {
                "columns": [{"name": c.name, "kind": c.kind.value, "type": c.native} for c in result.columns],
                "rows": [list(row) for row in result.rows],
                "truncated": result.truncated,
                "took": result.took,
            }
        )
        return
    if as_csv:
        output.emit_csv(result.names, result.rows)
    else:
        output.emit_table(result.names, result.rows)
    count = len(result.rows)
    rows = f"{count:,} {'row' if count == 1 else 'rows'}"
    if result.truncated:
        typer.echo(f"{rows} of more: the source has further rows. Raise --limit to see them.", err=True)
    elif not as_csv:
        typer.echo(f"{rows}, {result.took * 1000:.0f} ms", err=True)
