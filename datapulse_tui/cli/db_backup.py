"""`datapulse db backup | restore`: the whole desk as one file, and back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datapulse_tui.cli import context, output
from datapulse_tui.cli.progress import ProgressLine
from datapulse_tui.errors import DataPulseError, Invalid

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.config import Settings
    from datapulse_tui.data.backup.dump import Progress
    from datapulse_tui.data.backup.restore import Restored
    from datapulse_tui.operations.backups import Settled

app = context.noun("Backups.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make; it must not be there yet.")],
    as_json: AsJson = False,
) -> None:
    """Write everything into FILE, in pg_dump's custom format, while everybody goes on working.

    It is of one moment, and there whole or not at all. The secret key is not in it: without the key the passwords of
    sources and channels in it are of no use to anybody, so keep the key somewhere else. Needs the owner's address
    (DATAPULSE_OWNER_URL).
    """
    settings = context.settings()
    with _told(), _ended_by_signals(), _progress() as line:
        from datapulse_tui.data.addresses import owner_url
        from datapulse_tui.data.backup import dump

        operator = _operator()
        made = dump.backup(owner_url(settings), file.absolute(), watch=lambda now: line(_far("Backed up", now)))
        asyncio.run(_note(settings, operator, made))
    if as_json:
        output.emit_json(
            {"file": str(file), "bytes": made.bytes, "tables": made.tables, "schema": made.revision,
             "seconds": round(made.seconds, 1), "key": _key_place(settings)}
        )  # fmt: skip
        return
    typer.echo(f"{file}: {made.bytes:,} bytes, {made.tables} tables, schema {made.revision}, in {made.seconds:.1f} s.")
    typer.echo(f"Not in it: the secret key ({_key_place(settings)}). Restoring elsewhere needs it; keep it apart.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `datapulse db backup` made.")],
    replace: Annotated[bool, typer.Option("--replace", help="Throw away what the database holds now.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Upgrade an older schema afterwards.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup into the database, all of it or nothing.

    The database has to be empty, or --replace given; nobody else may be connected. Afterwards the audit trail is
    sealed and verified; exit code 1 when it does not match.
    """
    settings = context.settings()
    with _told(), _ended_by_signals(), _progress() as line:
        from datapulse_tui.data import migrate
        from datapulse_tui.data.addresses import addresses, owner_url
        from datapulse_tui.data.backup import restore as restoring

        operator = _operator()
        url = owner_url(settings)
        if replace and not yes:
            from datapulse_tui.data.address import shown

            _ask(f"Throw away everything in {shown(addresses(settings).owner)} for what is in {file}?")
        found = restoring.restore(url, file.absolute(), replace=replace, watch=lambda now: line(_far("Restored", now)))
        line.clear()
        if found.older and (upgrade or (sys.stdin.isatty() and typer.confirm("Its schema is older. Upgrade it now?"))):
            migrate.upgrade(url)
        elif found.older:
            _say(found, None, as_json=as_json)
            return
        settled = asyncio.run(_settle(settings, operator, found, line))
    _say(found, settled, as_json=as_json)
    if not settled.trail.intact:
        raise typer.Exit(context.FAILED)


def _say(found: Restored, settled: Settled | None, *, as_json: bool) -> None:
    archive = found.archive
    if as_json:
        output.emit_json(
            {"file": str(archive.path), "made": archive.made_at, "tables": archive.tables, "schema": archive.revision,
             "upgrade_due": settled is None, "seconds": round(found.seconds, 1),
             "trail_intact": None if settled is None else settled.trail.intact,
             "secrets": None if settled is None else settled.secrets,
             "secrets_unreadable": None if settled is None else settled.unreadable}
        )  # fmt: skip
        return
    typer.echo(f"Restored {archive.tables} tables as of {archive.made_at} in {found.seconds:.1f} s.")
    if settled is None:
        typer.echo(f"Its schema ({archive.revision}) is older than this program's. Run: datapulse db upgrade")
        return
    from datapulse_tui.audit.verdicts import describe

    for line in describe(settled.trail):
        typer.echo(line)
    if settled.unreadable:
        typer.echo(
            f"The secrets of {settled.unreadable} of {settled.secrets} rows cannot be opened: they were stored with "
            "another key. Put the earlier key file in place (or second into DATAPULSE_SECRET_KEY), or enter them again."
        )


async def _note(settings: Settings, operator: Actor, made: Any) -> None:
    from datapulse_tui.data.connect import connect
    from datapulse_tui.operations.backups import note_backup

    connection = await connect(settings, check_schema=False)
    try:
        await note_backup(connection.data, operator, made)
    finally:
        await connection.data.dispose()


async def _settle(settings: Settings, operator: Actor, found: Restored, line: ProgressLine) -> Settled:
    from datapulse_tui.data.connect import connect
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.operations.backups import settle

    def verified(done: int, total: int) -> None:
        line(f"Verified {done:,} of {total:,} sealed records")

    connection = await connect(settings)
    try:
        box = SecretBox.from_settings(settings)
        return await settle(connection.data, operator, box, found, progress=verified)
    finally:
        await connection.data.dispose()


def _operator() -> Actor:
    """Who holds the owner's address. Nobody does this in a person's name: it goes around every right that they have."""
    from datapulse_tui.people.operator import operator

    if context.acts_for_a_person():
        raise Invalid(
            "Backups are the operator's: they hold everything, whatever a person may see. Nothing was done.",
            hint="Leave --as and DATAPULSE_API_KEY away.",
        )
    return operator()


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise Invalid("Nobody is there to be asked. Nothing was changed.", hint="Give --yes to go on without.")
    typer.confirm(question, abort=True)


def _key_place(settings: Settings) -> str:
    from datapulse_tui.data.secrets import KEY_FILE

    return "DATAPULSE_SECRET_KEY" if settings.secret_key is not None else str(settings.home / KEY_FILE)


def _far(word: str, now: Progress) -> str:
    of = f" of {now.of}" if now.of else ""
    return f"{word} {now.tables}{of} tables, {now.bytes / 1e6:,.1f} MB {now.table}"


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DataPulseError as error:
        context.fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(context.INTERRUPTED) from None


@contextlib.contextmanager
def _progress() -> Iterator[ProgressLine]:
    line = ProgressLine()
    try:
        yield line
    finally:
        line.clear()


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the work in order, as ctrl+c does: what is half done is taken away."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
