"""What is taken out of the trail into files: exports by a filter, and purges that leave a file which proves itself."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from datapulse_tui.cli import context, output
from datapulse_tui.cli.progress import ProgressLine
from datapulse_tui.errors import DataPulseError, Invalid

if TYPE_CHECKING:
    from datapulse_tui.audit.archive import FileVerdict
    from datapulse_tui.audit.export import Exported, Format
    from datapulse_tui.audit.purge import Purged
    from datapulse_tui.cli.context import Workspace

FILTER_HELP = "Words such as who:ana action:user. on:dashboard from:10.0.* since:7d; all must hold."
Filter = Annotated[str, typer.Argument(metavar="[FILTER]", show_default=False, help=FILTER_HELP)]
STDOUT = "-"
FORMATS = ("jsonl", "csv")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command()(export)
    app.command()(purge)
    app.command("verify-export")(verify_export)


def export(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A new file, or - for standard output.")],
    filter_: Filter = "",
    format_: Annotated[str, typer.Option("--format", help="jsonl or csv.")] = FORMATS[0],
) -> None:
    """Write the records that a filter asks for, the oldest first. That it was done is recorded."""
    line = ProgressLine()

    async def body(desk: Workspace) -> Exported:
        from datapulse_tui.audit.export import export as write_out

        def progress(records: int) -> None:
            line(f"{records:,} records written")

        try:
            with _opened(file) as write:
                return await write_out(
                    desk.data, desk.actor, write, filter=filter_, format=_format(format_), progress=progress
                )
        finally:
            line.clear()

    done = context.run(body)
    sys.stderr.write(f"{done.records:,} records were written.\n")


def purge(
    before: Annotated[str, typer.Option("--before", metavar="DATE", help="Remove what was sealed before this time.")],
    export_to: Annotated[Path, typer.Option("--export", metavar="FILE", help="A new file for what is removed.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Export old seals with their records to a file, then remove them. Needs the owner's address (DATAPULSE_OWNER_URL).

    The chain is verified first and goes on from where it was cut; `audit verify` says so. Keep the file:
    `audit verify-export` proves that it is what was removed.
    """
    if not yes:
        typer.confirm(f"Remove every record sealed before {before} from the audit trail, after export?", abort=True)
    line = ProgressLine()

    async def body(desk: Workspace) -> Purged:
        from datetime import UTC, datetime

        from datapulse_tui.audit.filters import moment
        from datapulse_tui.audit.purge import purge as remove
        from datapulse_tui.audit.verdicts import progress_words
        from datapulse_tui.data.database import Database

        try:
            day = moment("since", before, datetime.now(UTC), ZoneInfo(desk.actor.zone))
        except (ValueError, OverflowError):
            raise Invalid(f"{before!r} is no time. Nothing was changed.", hint="Write it like 2026-03-01.") from None
        owner = Database(desk.addresses.owner)
        try:
            return await remove(
                owner, desk.actor, before=day, path=export_to,
                checked=lambda done, total: line(progress_words(done, total)),
                wrote=lambda records: line(f"{records:,} records written"),
            )  # fmt: skip
        finally:
            line.clear()
            await owner.dispose()

    done = context.run(body)
    typer.echo(
        f"{done.records:,} records in {done.seals:,} seals were exported to {export_to.name} and removed.\n"
        f"Last of them: {done.last_seal}:{done.last_hash}"
    )


def verify_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `audit purge` wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a purge's file against its own chain and, if the database is there, against what it says was removed."""
    from datapulse_tui.audit import archive

    line = ProgressLine()
    try:
        verdict = archive.check(file, lambda records: line(f"{records:,} records checked"))
    except OSError as error:
        context.fail(Invalid(f"{file.name} cannot be read: {error.strerror}."))
    except DataPulseError as error:
        context.fail(error)
    finally:
        line.clear()
    known, said = _compared(verdict)
    if as_json:
        output.emit_json({"intact": verdict.intact and known is not False, "database": said, **output.plain(verdict)})
    elif verdict.intact:
        typer.echo(
            f"The file is intact: {verdict.records:,} records in {verdict.seals:,} seals "
            f"({verdict.base_seal + 1} to {verdict.last_seal}), all from before {verdict.before}.\n{said}"
        )
    else:
        typer.echo(f"The file was changed. {verdict.problem}\nBefore it, {verdict.records:,} records match.")
    if not verdict.intact or known is False:
        raise typer.Exit(context.FAILED)


def _compared(verdict: FileVerdict) -> tuple[bool | None, str]:
    """Whether the database knows of this purge (None: it cannot be asked), and that in words."""
    import asyncio

    from datapulse_tui.audit.bases import known_purge
    from datapulse_tui.data.connect import connect

    async def look() -> tuple[bool, str]:
        connection = await connect(context.settings())
        try:
            return await known_purge(connection.data, verdict)
        finally:
            await connection.data.dispose()

    try:
        return asyncio.run(look())
    except DataPulseError as error:
        return None, f"It was not compared with a database: {error.message}"


def _format(text: str) -> Format:
    from datapulse_tui.audit.export import Format

    if text not in FORMATS:
        raise Invalid(f"There is no format {text!r}.", hint=f"There are: {', '.join(FORMATS)}.")
    return Format(text)


@contextlib.contextmanager
def _opened(name: str) -> Iterator[Callable[[str], object]]:
    """What to write with: to standard output, or to a new file that is gone again when writing fails."""
    if name == STDOUT:
        yield sys.stdout.write
        sys.stdout.flush()
        return
    path = Path(name)
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="")
    except FileExistsError:
        raise Invalid(f"{path.name} is there already. Nothing was written.", hint="Name another file.") from None
    except OSError as error:
        raise Invalid(f"{path.name} cannot be written: {error.strerror}. Nothing was written.") from None
    try:
        with file:
            yield file.write
    except BaseException:
        path.unlink(missing_ok=True)
        raise
