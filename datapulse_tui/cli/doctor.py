"""`datapulse doctor`: looks a set-up over and says what to mend."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean, fit, wrap
from datapulse_tui.cli import context, output

if TYPE_CHECKING:
    from datapulse_tui.operations.doctor.findings import Examined

app = typer.Typer(
    help="Look a set-up over from end to end and say what to mend.",
    invoke_without_command=True,
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

TITLE_WIDTH = 15
INDENT = " " * (2 + 8 + 1 + TITLE_WIDTH + 1)


@app.callback()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check Python, configuration, keys, the database and its roles, workers, channels, sources, this terminal.

    Works while the database is away. Exit code 1 when something is bad. Prints no secrets, and sends nothing.
    """
    from datapulse_tui.house import join
    from datapulse_tui.operations.doctor.examination import examine
    from datapulse_tui.operations.doctor.findings import healthy

    join()
    try:
        found = asyncio.run(examine(told=(lambda _: None) if as_json else _tell))
    except KeyboardInterrupt:
        raise typer.Exit(context.INTERRUPTED) from None
    well = healthy(found)
    if as_json:
        output.emit_json({"healthy": well, "checks": found})
    else:
        wrong = sum(each.finding.verdict.value in ("bad", "warning") for each in found)
        typer.echo(f"\n{'Nothing to mend.' if not wrong else f'{wrong} to look at, of {len(found)}.'}")
    if not well:
        raise typer.Exit(context.FAILED)


def _tell(each: Examined) -> None:
    finding = each.finding
    head = f"{finding.verdict.sign} {fit(finding.verdict.value, 8)} {fit(each.title, TITLE_WIDTH)} "
    said = [finding.says]
    if finding.verdict.value in ("bad", "warning"):
        said += [words for words in (finding.means, finding.todo) if words]
    lines = [line for words in said for line in _wrapped(clean(words))]
    typer.echo("\n".join((head if at == 0 else INDENT) + line for at, line in enumerate(lines)))


def _wrapped(words: str) -> list[str]:
    """`words` in lines that fit into the terminal; in one line where none is there."""
    if not sys.stdout.isatty():
        return [words]
    return wrap(words, max(30, shutil.get_terminal_size().columns - len(INDENT))) or [""]
