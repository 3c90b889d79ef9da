"""`datapulse secrets`: the key under which passwords of sources and channels are stored."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.cli import context, output

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.data.resealing import Step
    from datapulse_tui.people.secret_rotation import Status

app = context.noun("The secret key under which passwords are stored: status, rotate.")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show how many keys there are, and what needs which. Exit code 1 when a stored secret cannot be opened."""

    async def body(desk: Workspace) -> Status:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.people import secret_rotation

        async with desk.data.reading() as session:
            return await secret_rotation.status(session, desk.actor, SecretBox.from_settings(desk.settings))

    found = context.run(body)
    if as_json:
        output.emit_json(found)
    else:
        _print(found)
    if found.unreadable:
        raise typer.Exit(context.FAILED)


@app.command()
def rotate(
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Then take the earlier keys out of the file, if nothing needs them.")
    ] = False,
    end_unused_api_keys: Annotated[
        bool,
        typer.Option("--end-unused-api-keys", help="With --drop-old: revoke API keys not used since the rotation."),
    ] = False,
) -> None:
    """Put a new key in front and bring every stored secret under it. Desks and workers go on meanwhile.

    Broken off at any moment, calling it again goes on. For keys in DATAPULSE_SECRET_KEY it says what to set.
    """

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.people import secret_rotation

        box = SecretBox.from_settings(desk.settings)
        if box.path is None and len(box.keys()) == 1 and desk.actor.everything:
            _say_what_to_set()
            return
        done = await secret_rotation.rotate(desk.data, desk.actor, box, _progress)
        _line("")
        made = "There is a new secret key. " if done.new_key else ""
        typer.echo(f"{made}{done.changed:,} rows were brought under the first key.")
        if drop_old:
            typer.echo("Waiting until nobody can be using an earlier key …", err=True)
            dropped = await secret_rotation.drop_old(desk.data, desk.actor, box, end_api_keys=end_unused_api_keys)
            typer.echo(f"{dropped:,} earlier keys were dropped." if dropped else "There was no earlier key.")
            if dropped:
                typer.echo("Backups from before the rotation need the key of then: keep it with them.", err=True)
        async with desk.data.reading() as session:
            _print(await secret_rotation.status(session, desk.actor, box))

    context.run(body)


def _say_what_to_set() -> None:
    """A key to put in front of the one in the environment: alone on stdout, what to do with it on stderr."""
    from datapulse_tui.data.key_file import new_key
    from datapulse_tui.people.secret_rotation import VARIABLE

    typer.echo(
        f"{VARIABLE} holds one key, and only you can change it. Below is a new one, which is kept nowhere.\n"
        f"1. Everywhere, put it BEHIND the key of now ({VARIABLE}=NOW,NEW) and start desks and workers again.\n"
        f"2. Then put it in FRONT ({VARIABLE}=NEW,NOW) and start them again.\n"
        "3. Run `datapulse secrets rotate` again, which brings everything under it.\n"
        "4. When `datapulse secrets status` says that nothing needs the earlier key, take that away.",
        err=True,
    )
    typer.echo(new_key())


def _print(found: Status) -> None:
    where = f"in {found.path}" if found.path else "in DATAPULSE_SECRET_KEY"
    rows = [(each.store.label, each.rows, each.earlier, each.unreadable) for each in found.stores]
    output.emit_table(
        ("what", "with secrets", "under an earlier key", "unreadable"),
        [*rows, ("API keys", found.api_keys, found.api_keys_earlier, 0)],
    )
    number = "No key yet" if not found.keys else "1 key" if found.keys == 1 else f"{found.keys} keys"
    typer.echo(f"{number} {where}." if found.keys else f"{number}: the first secret that is stored makes one.")
    if found.keys > 1:
        needed = bool(found.earlier or found.api_keys_earlier)
        then = "take all but the first away" if found.path is None else "datapulse secrets rotate --drop-old"
        typer.echo("An earlier key is still needed." if needed else f"Nothing needs an earlier key any more: {then}.")
    if found.unreadable:
        typer.echo(
            f"{found.unreadable:,} cannot be opened with any of the keys: bring back the key they were stored with, "
            "or enter those secrets again.",
            err=True,
        )


def _progress(step: Step) -> None:
    _line(f"{step.store.label}: {step.seen:,} looked at, {step.changed:,} changed")


def _line(text: str) -> None:
    """One line that is written over, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
