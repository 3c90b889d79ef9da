"""The commands of `datapulse user` that read people from CSV files and write them."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.importing import Imported

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
STDIN = "-"


def attach(app: typer.Typer) -> None:
    """Add the commands to the noun `user`."""
    app.command("import")(import_people)
    app.command("export")(export)


def import_people(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV in UTF-8 with a header; - reads it from stdin.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would do, and change nothing.")] = False,
    invite: Annotated[bool, typer.Option("--invite", help="Invite those who are new, with a code for each.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add and change people from a CSV file: all of it, or nothing where one line is wrong.

    Columns: email, name, role, department, status, phone, timezone, custom_roles (separated by |); only email is
    needed. Who is there is changed only where a column is given.
    """

    async def body(desk: Workspace) -> bool:
        from datapulse_tui.people.importing import Imported, import_people
        from datapulse_tui.people.importing import dry_run as look

        content = _content(file)
        if dry_run:
            async with desk.data.reading() as session:
                done = Imported(await look(session, desk.actor, content, invite=invite))
        else:
            async with desk.data.transaction() as session:
                done = await import_people(session, desk.actor, content, invite=invite)
        if as_json:
            output.emit_json(_as_json(done, dry_run=dry_run))
        else:
            _tell(done, dry_run=dry_run)
        return not done.plan.problems

    if not context.run(body):
        raise typer.Exit(context.FAILED)


def _content(file: str) -> bytes:
    from datapulse_tui.people.import_file import LARGEST_FILE

    try:
        if file == STDIN:
            return sys.stdin.buffer.read(LARGEST_FILE + 1)
        with Path(file).open("rb") as source:
            return source.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}. Nothing was changed.") from None


def _as_json(done: Imported, *, dry_run: bool) -> dict[str, object]:
    plan = done.plan
    return {
        "done": not dry_run and not plan.problems,
        "people": [
            {
                "line": each.line,
                "email": each.email,
                "new": each.is_new,
                "changes": plan.words(each),
            }
            for each in plan.people
            if each.changes
        ],
        "problems": plan.problems,
        "invited": [
            {"email": email, "code": each.code, "expires_at": each.expires_at, "mailed": each.mailed}
            for email, each in done.invited
        ],
    }


def _tell(done: Imported, *, dry_run: bool) -> None:
    plan = done.plan
    for each in plan.people:
        if each.changes:
            sign = "+" if each.is_new else "~"
            typer.echo(f"{sign} line {each.line}  {clean(each.email)}  {clean('; '.join(plan.words(each)))}".rstrip())
    for problem in plan.problems:
        typer.echo(f"datapulse: {clean(str(problem))}", err=True)
    for email, invited in done.invited:
        mailed = "mailed, and can be read out" if invited.mailed else "not mailed: read it out"
        typer.echo(f"{clean(email)}  code {invited.code}, good until {output.cell(invited.expires_at)} ({mailed})")
    number = f"{len(plan.new):,} new, {len(plan.changed):,} changed"
    if plan.problems:
        wrong = "1 thing is" if len(plan.problems) == 1 else f"{len(plan.problems):,} things are"
        typer.echo(f"datapulse: {wrong} wrong with the file. Nothing was changed.", err=True)
    elif dry_run:
        typer.echo(f"It would be {number}. Nothing was changed.")
    else:
        typer.echo(f"{number[:1].upper()}{number[1:]}.")


def export(
    filter_: Annotated[str, typer.Argument(metavar="[FILTER]", help="As in `datapulse user list`.")] = "",
    to: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")] = None,
) -> None:
    """Write people as CSV, as `datapulse user import` reads it. Passwords and keys are not in it. That it was done is
    recorded, or nothing is written.
    """

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people.exporting import export, export_file

        if to is not None:
            number = await export_file(desk.data, desk.actor, to, filter=filter_)
            typer.echo(f"{number:,} {'person' if number == 1 else 'people'} in {clean(str(to))}.")
            return
        content = io.StringIO()  # nothing is shown before it is recorded
        await export(desk.data, desk.actor, content.write, filter=filter_)
        sys.stdout.write(content.getvalue().replace("\r\n", "\n"))

    context.run(body)
