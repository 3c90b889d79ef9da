"""`datapulse api-key`: keys with which scripts sign in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, many, output

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.api_keys import NewKey

app = context.noun("API keys for scripts: list, scopes, create, rotate, revoke.")

PAGE = 500

Which = Annotated[str, typer.Argument(metavar="KEY", help="Its first characters (dp_...), its name or its id.")]
Days = Annotated[int | None, typer.Option("--days", help="How many days it lives, at most 365.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    everybody: Annotated[bool, typer.Option("--everybody", help="Those of everybody, not only your own.")] = False,
    state: Annotated[str, typer.Option("--state", help="Only live or ended ones.")] = "",
    as_json: AsJson = False,
) -> None:
    """List API keys, the newest first. An operator sees those of everybody."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.page import every
        from datapulse_tui.people import key_reads

        all_ = everybody or desk.actor.user_id is None
        async with desk.data.reading() as session:
            rows = await every(
                lambda after: key_reads.list_api_keys(
                    session,
                    desk.actor,
                    everybody=all_,
                    state=state,  # type: ignore[arg-type]  # checked there
                    after=after,
                    limit=PAGE,
                )
            )
        if as_json:
            output.emit_json(rows)
            return
        output.emit_table(
            ("key", "name", "owner", "state", "expires", "last used", "from", "scopes"),
            (
                (r.prefix, r.name, r.email, r.state, r.expires_at, r.last_used, r.last_used_from, " ".join(r.scopes))
                for r in rows
            ),
        )

    context.run(body)


@app.command()
def scopes(as_json: AsJson = False) -> None:
    """List the scopes that you can give to a key, with what each lets it do."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people.key_rules import choosable
        from datapulse_tui.people.rules import PERMISSIONS

        granted = PERMISSIONS if desk.actor.everything else desk.actor.permissions
        found = [(word, PERMISSIONS[word]) for word in choosable(granted)]
        if as_json:
            output.emit_json([{"scope": word, "lets": explanation} for word, explanation in found])
        else:
            output.emit_table(("scope", "lets a script"), found)

    context.run(body)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="What it may do; repeat it for more. See: api-key scopes.")
    ] = None,
    days: Days = None,
) -> None:
    """Make a key for yourself. It is printed once, alone on stdout; all else goes to stderr."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.people import api_keys, key_rules

        box = SecretBox.from_settings(desk.settings)
        lives = key_rules.USUAL_DAYS if days is None else days
        async with desk.data.transaction() as session:
            made = await api_keys.create(session, desk.actor, box, name=name, scopes=scope or (), days=lives)
        _show(made)

    context.run(body)


@app.command()
def rotate(
    key: Which,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", help="How long the old one goes on beside it; 0 ends it at once.")
    ] = 24,
    days: Days = None,
) -> None:
    """Replace one of your keys by a new one with the same name and scopes. It is printed once, alone on stdout."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.secrets import SecretBox
        from datapulse_tui.people import api_keys, key_reads

        box = SecretBox.from_settings(desk.settings)
        async with desk.data.reading() as session:
            found = await key_reads.named_api_key(session, desk.actor, key)
        async with desk.data.transaction() as session:
            made = await api_keys.rotate(
                session, desk.actor, box, found.id, overlap=timedelta(hours=overlap_hours), days=days
            )
        _show(made)
        ends = made.old_ends_at
        when = "at once" if ends is None or ends <= datetime.now(UTC) else f"at {ends:%Y-%m-%d %H:%M} UTC"
        typer.echo(f"The old one, {found.prefix}…, ends {when}.", err=True)
        if made.dropped:
            typer.echo(f"Not carried over, because you have them no more: {', '.join(made.dropped)}.", err=True)

    context.run(body)


@app.command()
def revoke(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="First characters, names or ids.")],
    as_json: AsJson = False,
) -> None:
    """End keys at once: your own, or anybody's with the right to manage them."""

    async def body(desk: Workspace) -> list[many.Done]:
        from datapulse_tui.people import api_keys, key_reads

        async with desk.data.reading() as session:
            named = {
                text: (await key_reads.named_api_key(session, desk.actor, text)).id for text in dict.fromkeys(keys)
            }
        async with desk.data.transaction() as session:
            outcomes = {each.id: each for each in await api_keys.revoke(session, desk.actor, list(named.values()))}
        return [
            many.Done(text, id_, outcomes[id_].title, outcomes[id_].done, outcomes[id_].message)
            for text, id_ in named.items()
        ]

    many.report("key", context.run(body), as_json=as_json)


def _show(made: NewKey) -> None:
    """The key alone on stdout, so that it can be piped to where it is kept."""
    typer.echo(
        f"The key {clean(made.name)} ({made.prefix}…) lives until {made.expires_at:%Y-%m-%d %H:%M} UTC and may: "
        f"{', '.join(made.scopes)}.\nIt is shown only now. Scripts give it in DATAPULSE_API_KEY, or in a file of mode "
        "600 that DATAPULSE_API_KEY_FILE names.",
        err=True,
    )
    typer.echo(made.key.get_secret_value())
