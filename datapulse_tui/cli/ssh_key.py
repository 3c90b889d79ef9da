"""`datapulse ssh-key`: public keys with which people may sign in over SSH."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, many, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.api_keys import Outcome

app = context.noun("SSH keys: list, add, admit, revoke.")

PAGE = 500

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Keys = Annotated[list[str], typer.Argument(metavar="KEY...", help="Fingerprints (SHA256:...), names or ids.")]


@app.command("list")
def list_(
    everybody: Annotated[bool, typer.Option("--everybody", help="Those of everybody, not only your own.")] = False,
    status: Annotated[str, typer.Option("--status", help="Only pending, admitted or revoked ones.")] = "",
    as_json: AsJson = False,
) -> None:
    """List SSH keys: first those that wait to be admitted. An operator sees those of everybody."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.page import every
        from datapulse_tui.people import key_reads

        all_ = everybody or desk.actor.user_id is None
        async with desk.data.reading() as session:
            rows = await every(
                lambda after: key_reads.list_ssh_keys(
                    session,
                    desk.actor,
                    everybody=all_,
                    status=status,  # type: ignore[arg-type]  # checked there
                    after=after,
                    limit=PAGE,
                )
            )
        if as_json:
            output.emit_json(rows)
            return
        output.emit_table(
            ("fingerprint", "type", "name", "owner", "status", "since"),
            (
                (r.fingerprint, r.key_type, r.name, r.email, r.status, r.revoked_at or r.admitted_at or r.created_at)
                for r in rows
            ),
        )

    context.run(body)


@app.command()
def add(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The public key (.pub); - reads stdin.")],
    name: Annotated[str, typer.Option("--name", help="What it is called; else its comment.")] = "",
    owner: Annotated[str | None, typer.Option("--for", metavar="EMAIL", help="Whose it is; admitted at once.")] = None,
) -> None:
    """Ask for your public key to be admitted, or add somebody's."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import reads, ssh_keys

        text = _read(file)
        if owner is None:
            async with desk.data.transaction() as session:
                added = await ssh_keys.request(session, desk.actor, text, name=name)
        else:
            async with desk.data.reading() as session:
                person = await reads.get_user(session, desk.actor, owner)
            async with desk.data.transaction() as session:
                added = await ssh_keys.add_for(session, desk.actor, person.id, text, name=name)
        waits = "is admitted" if added.status == "admitted" else "waits to be admitted by an administrator"
        typer.echo(f"The key {clean(added.name)} ({added.fingerprint}) {waits}.")
        if added.options:
            typer.echo("Options that stood before the key (from=, command=, ...) are not kept.", err=True)

    context.run(body)


@app.command()
def admit(keys: Keys, as_json: AsJson = False) -> None:
    """Let people sign in with keys that they asked for."""
    from datapulse_tui.people import ssh_keys

    _act(keys, ssh_keys.admit, as_json=as_json)


@app.command()
def revoke(keys: Keys, as_json: AsJson = False) -> None:
    """Have nobody sign in with these keys any more."""
    from datapulse_tui.people import ssh_keys

    _act(keys, ssh_keys.revoke, as_json=as_json)


Verb = Callable[["AsyncSession", "Actor", Sequence[UUID]], Awaitable[Sequence["Outcome"]]]


def _act(keys: Sequence[str], verb: Verb, *, as_json: bool) -> None:
    async def body(desk: Workspace) -> list[many.Done]:
        from datapulse_tui.people import key_reads

        async with desk.data.reading() as session:
            named = {
                text: (await key_reads.named_ssh_key(session, desk.actor, text)).id for text in dict.fromkeys(keys)
            }
        async with desk.data.transaction() as session:
            outcomes = {each.id: each for each in await verb(session, desk.actor, list(named.values()))}
        return [
            many.Done(text, id_, outcomes[id_].title, outcomes[id_].done, outcomes[id_].message)
            for text, id_ in named.items()
        ]

    many.report("key", context.run(body), as_json=as_json)


def _read(file: str) -> str:
    """What is in the file, up to a little more than a key can have. Raises Invalid."""
    from datapulse_tui.people.public_keys import LONGEST_TEXT

    if file == "-":
        return sys.stdin.read(LONGEST_TEXT + 1)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(LONGEST_TEXT + 1).decode("utf-8", "replace")
    except OSError as error:
        raise Invalid(f"The file {file} cannot be read: {error.strerror}. Nothing was changed.") from None
