"""`datapulse dashboard`: dashboards as files, who sees them, and their pictures as text."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.dashboards.applying import Applied
    from datapulse_tui.dashboards.reads import DashboardView
    from datapulse_tui.dashboards.timerange import TimeRange

app = context.noun("Dashboards as files: apply, export, list, share, render.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The dashboard's name.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")]
Owner = Annotated[str, typer.Option("--owner", metavar="EMAIL", help="Whose dashboard, where several have the name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Words in name, description or owner.")] = "",
    scope: Annotated[str, typer.Option(help="all, mine, shared or public.")] = "all",
    as_json: AsJson = False,
) -> None:
    """List the dashboards that you may view, starred ones first."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.dashboards.reads import list_dashboards
        from datapulse_tui.dashboards.rules import Scope
        from datapulse_tui.data.page import every

        if scope not in tuple(Scope):
            raise Invalid(f"There is no scope {scope!r}.", hint="Scopes: all, mine, shared, public.")
        async with desk.data.reading() as session:
            rows = await every(
                lambda after: list_dashboards(session, desk.actor, scope=scope, text=text, after=after, limit=1_000)
            )
        if as_json:
            output.emit_json(rows)
            return
        output.emit_table(
            ("", "name", "owner", "public", "you may", "widgets", "changed"),
            [
                ("*" if row.starred else "", row.name, row.owner_email, row.is_public, row.permission, row.widgets,
                 row.updated_at)
                for row in rows
            ],
        )  # fmt: skip

    context.run(body)


@app.command()
def show(name: Name, owner: Owner = "", as_json: AsJson = False) -> None:
    """Show what a dashboard is made of, and who sees it."""

    async def body(desk: Workspace) -> None:
        async with desk.data.reading() as session:
            view = await _view(session, desk, name, owner)
        if as_json:
            output.emit_json(view)
            return
        _show(view)

    context.run(body)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML file with one dashboard, or several.")],
    owner: Annotated[str, typer.Option("--owner", metavar="EMAIL", help="Whose dashboards (default: yours).")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make dashboards what a file says: all of it, or nothing when something in it is wrong."""

    async def body(desk: Workspace) -> list[Applied]:
        from datapulse_tui.dashboards.applying import apply_all
        from datapulse_tui.dashboards.as_code import load_file

        loaded = load_file(file)
        async with desk.data.reading() if dry_run else desk.data.transaction() as session:
            owner_id = await _owner_id(session, owner)
            return await apply_all(session, desk.actor, loaded, owner_id=owner_id, dry_run=dry_run)

    applied = context.run(body)
    if as_json:
        output.emit_json(applied)
        return
    for each in applied:
        outcome = f"would be {each.outcome}" if dry_run and each.outcome != "unchanged" else each.outcome
        typer.echo(f"{clean(each.name)}: {outcome}")
        for change in each.changes:
            typer.echo(f"  {clean(change)}")


@app.command()
def export(
    name: Name,
    owner: Owner = "",
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here, not to stdout.")
    ] = None,
) -> None:
    """Print a dashboard as a file that `apply` takes."""

    async def body(desk: Workspace) -> str:
        from datapulse_tui.dashboards.as_code import dump
        from datapulse_tui.dashboards.plain import plain_view

        async with desk.data.reading() as session:
            return dump([plain_view(await _view(session, desk, name, owner))])

    text = context.run(body)
    if file is None:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        context.fail(Invalid(f"The file {file} cannot be written: {error.strerror}."))


@app.command()
def share(
    name: Name,
    email: Email,
    permission: Annotated[str, typer.Option(help="view or edit.")] = "view",
    owner: Owner = "",
) -> None:
    """Share a dashboard with a person, to view or to edit."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.dashboards import service

        async with desk.data.transaction() as session:
            await service.share(session, desk.actor, await _id(session, desk, name, owner), email, permission)

    context.run(body)
    typer.echo(f"Shared with {clean(email)} to {permission}.")


@app.command()
def unshare(name: Name, email: Email, owner: Owner = "") -> None:
    """Take back a person's share of a dashboard."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.dashboards import service

        async with desk.data.transaction() as session:
            await service.unshare(session, desk.actor, await _id(session, desk, name, owner), email)

    context.run(body)
    typer.echo(f"No longer shared with {clean(email)}.")


@app.command()
def delete(
    name: Name,
    owner: Owner = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a dashboard with its widgets and shares."""

    async def look(desk: Workspace) -> DashboardView:
        async with desk.data.reading() as session:
            return await _view(session, desk, name, owner)

    view = context.run(look)
    if not yes:
        about = f"{len(view.widgets)} widgets, {len(view.shares)} shares, owner {clean(view.owner_email)}"
        typer.confirm(f"Delete the dashboard {clean(view.name)!r} ({about})?", abort=True, err=True)

    async def body(desk: Workspace) -> None:
        from datapulse_tui.dashboards import service

        async with desk.data.transaction() as session:
            await service.delete(session, desk.actor, view.id)

    context.run(body)
    typer.echo(f"Deleted {clean(view.name)}.")


@app.command()
def render(
    name: Name,
    owner: Owner = "",
    width: Annotated[int, typer.Option(min=20, max=500, help="Cells.")] = 100,
    height: Annotated[int | None, typer.Option(min=5, max=1_000, help="Lines, about.")] = None,
    time_range: Annotated[str, typer.Option("--range", help="15m, 24h, 7d, today ... in place of its own.")] = "",
    variable: Annotated[list[str] | None, typer.Option("--var", metavar="K=V", help="A variable's value.")] = None,
    colour: Annotated[
        bool | None, typer.Option("--colour/--no-colour", help="Colours also into a pipe, or none.", show_default=False)
    ] = None,
) -> None:
    """Draw a dashboard as text."""
    coloured = colour if colour is not None else sys.stdout.isatty() and "NO_COLOR" not in os.environ

    async def body(desk: Workspace) -> None:
        from datetime import UTC, datetime
        from zoneinfo import ZoneInfo

        from datapulse_tui.charts import theme
        from datapulse_tui.dashboards.render import inner_width, row_height_for
        from datapulse_tui.dashboards.render import render as draw_dashboard
        from datapulse_tui.dashboards.runner import Runner
        from datapulse_tui.sources.pool import Sources

        chosen = _parsed_range(time_range)
        now = datetime.now(UTC)
        async with desk.data.reading() as session:
            view = await _view(session, desk, name, owner)
        sources = Sources.from_settings(desk.settings)
        try:
            runner = Runner.from_settings(desk.data, sources, desk.settings)
            widths = {widget.id: inner_width(widget, width) for widget in view.widgets}
            answers = await runner.run_all(
                desk.actor, view, widths, time_range=chosen, variables=_values(variable or []), now=now
            )
        finally:
            await sources.close()
        picture = draw_dashboard(
            view,
            answers,
            width=width,
            row_height=row_height_for(view, height),
            theme=theme.DARK if coloured else theme.NONE,
            zone=ZoneInfo(desk.actor.zone),
            now=now,
            time_range=chosen,
        )
        lines = (
            picture.to_ansi().splitlines() if coloured else [line.rstrip() for line in picture.to_text().splitlines()]
        )
        sys.stdout.write("\n".join(lines) + "\n")

    context.run(body)


def _parsed_range(text: str) -> TimeRange | None:
    from datapulse_tui.dashboards.timerange import TimeRange

    try:
        return TimeRange.parse(text) if text else None
    except ValueError as error:
        raise Invalid(f"{text!r} is no time range.", hint=f"Expected {error}.") from error


def _values(given: list[str]) -> dict[str, str]:
    values = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise Invalid(f"{each!r} gives no value.", hint="Write --var name=value.")
        values[name] = value
    return values


async def _id(session: AsyncSession, desk: Workspace, name: str, owner: str) -> UUID:
    from datapulse_tui.dashboards.reads import find_dashboard

    return await find_dashboard(session, desk.actor, name, owner_email=owner)


async def _view(session: AsyncSession, desk: Workspace, name: str, owner: str) -> DashboardView:
    from datapulse_tui.dashboards.reads import get_dashboard

    return await get_dashboard(session, desk.actor, await _id(session, desk, name, owner))


async def _owner_id(session: AsyncSession, owner: str) -> UUID | None:
    from datapulse_tui.dashboards.service import active_person

    return (await active_person(session, owner)).id if owner else None


def _show(view: DashboardView) -> None:
    from datapulse_tui.dashboards.rules import format_refresh

    refresh = format_refresh(view.refresh_seconds) if view.refresh_seconds else "when asked"
    facts = [
        ("name", view.name), ("owner", view.owner_email), ("you may", view.permission), ("public", view.is_public),
        ("refresh", refresh), ("time range", str(view.time_range.to_value())),
        ("variables", ", ".join(variable.name for variable in view.variables)),
        ("shared with", ", ".join(f"{share.email} ({share.permission})" for share in view.shares)),
    ]  # fmt: skip
    output.emit_table(("field", "value"), facts)
    typer.echo()
    output.emit_table(
        ("widget", "type", "source", "x", "y", "w", "h"),
        [
            (
                each.title,
                each.type,
                each.source_name,
                each.position.x,
                each.position.y,
                each.position.w,
                each.position.h,
            )
            for each in view.widgets
        ],
    )
