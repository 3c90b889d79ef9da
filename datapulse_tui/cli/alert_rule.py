"""`datapulse alert rule`: alert rules as files, and what can be done with one without a screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid, NotFound

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.alerts.applying import Applied
    from datapulse_tui.alerts.reads.rules import RuleDetail
    from datapulse_tui.cli.context import Workspace

DIFFERENT = 3  # a dry run that would change something

app = context.noun("Alert rules: list, show, apply a file, export, pause, resume, delete.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The rule's name.")]
Owner = Annotated[str, typer.Option("--owner", metavar="EMAIL", help="Whose rule, where several have the name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Words in name, labels, query or owner.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the rules that you may see, by name."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.alerts.reads.rules import list_rules
        from datapulse_tui.alerts.reads.rules_sql import COUNTED
        from datapulse_tui.data.page import every

        async with desk.data.reading() as session:
            rows = await every(lambda after: list_rules(session, desk.actor, text=text, after=after, limit=1_000))
        if as_json:
            output.emit_json(rows)
            return
        output.emit_table(
            ("name", "severity", "status", "health", "metric", "condition", "every", "open", "series", "owner"),
            [
                (row.name, row.severity, row.status, row.health, row.metric, row.condition,
                 _duration(row.interval_seconds), _bounded(row.open_incidents, COUNTED),
                 _bounded(row.series, COUNTED), row.owner.email)
                for row in rows
            ],
        )  # fmt: skip

    context.run(body)


@app.command()
def show(name: Name, owner: Owner = "", as_json: AsJson = False) -> None:
    """Show a rule, how it stands, and where each of its series stands."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.alerts.plain import plain_detail
        from datapulse_tui.alerts.reads.rules import get_rule

        async with desk.data.reading() as session:
            detail = await get_rule(session, desk.actor, await _id(session, desk, name, owner))
        if as_json:
            rule = {"rule": plain_detail(detail, owner=True), "standing": detail.row, "query_sql": detail.query_sql}
            output.emit_json({**rule, "series": detail.series, "series_count": detail.series_count})
            return
        _show(detail)

    context.run(body)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML file with a list of rules under rules:.")],
    owner: Annotated[
        str, typer.Option("--owner", metavar="EMAIL", help="Whose rules, where the file does not say (default: yours).")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make rules what a file says: all of it, or nothing when something in it is wrong.

    Rules that the file does not name stay as they are. Ends with 0 when all is done or nothing would change, with 1
    when it failed and nothing was changed, and a dry run with 3 when something would change.
    """

    async def body(desk: Workspace) -> list[Applied]:
        from datapulse_tui.alerts.applying import apply_all
        from datapulse_tui.alerts.as_code import load_file

        loaded = load_file(file)
        async with desk.data.transaction() as session:
            return await apply_all(session, desk.actor, loaded, owner_email=owner, dry_run=dry_run)

    applied = context.run(body)
    if as_json:
        output.emit_json(applied)
    else:
        _print_applied(applied, dry_run=dry_run)
    if dry_run and any(each.outcome != "unchanged" for each in applied):
        raise typer.Exit(DIFFERENT)


@app.command()
def export(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these rules.")] = None,
    text: Annotated[str, typer.Option("--text", metavar="WORDS", help="Only rules with these words.")] = "",
    owner: Owner = "",
    inline: Annotated[bool, typer.Option("--inline", help="Write queries with their SQL, not by name.")] = False,
    owners: Annotated[bool, typer.Option("--owners/--no-owners", help="Write whose each rule is.")] = True,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here, not to stdout.")
    ] = None,
) -> None:
    """Print rules as a file that `apply` takes: those named, or all that you may see."""

    async def body(desk: Workspace) -> str:
        from datapulse_tui.alerts.as_code import RULE_LIMIT, dump
        from datapulse_tui.alerts.reads.rules import read_rules

        async with desk.data.reading() as session:
            ids = [await _id(session, desk, name, owner) for name in names] if names else None
            found = await read_rules(session, desk.actor, text=text, owner=owner, ids=ids, limit=RULE_LIMIT + 1)
        if not found:
            raise NotFound("There is no such rule to export.", hint="`datapulse alert rule list` shows them.")
        return dump(found, inline=inline, owners=owners)

    written = context.run(body)
    if file is None:
        sys.stdout.write(written)
        return
    try:
        file.write_text(written, encoding="utf-8")
    except OSError as error:
        context.fail(Invalid(f"The file {file} cannot be written: {error.strerror}."))


@app.command()
def pause(name: Name, owner: Owner = "") -> None:
    """Stop watching; open incidents of the rule are closed."""

    async def body(desk: Workspace) -> bool:
        from datapulse_tui.alerts.service import rules

        async with desk.data.transaction() as session:
            return await rules.pause(session, desk.actor, await _id(session, desk, name, owner))

    done = context.run(body)
    typer.echo(f"Paused {clean(name)}." if done else f"{clean(name)} is paused already.")


@app.command()
def resume(name: Name, owner: Owner = "") -> None:
    """Watch again, from the beginning."""

    async def body(desk: Workspace) -> bool:
        from datapulse_tui.alerts.service import rules

        async with desk.data.transaction() as session:
            return await rules.resume(session, desk.actor, await _id(session, desk, name, owner))

    done = context.run(body)
    typer.echo(f"Watching {clean(name)} again." if done else f"{clean(name)} is watched already.")


@app.command()
def delete(
    name: Name,
    owner: Owner = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a rule; its open incidents are closed, its history is kept."""

    async def look(desk: Workspace) -> RuleDetail:
        from datapulse_tui.alerts.reads.rules import get_rule

        async with desk.data.reading() as session:
            return await get_rule(session, desk.actor, await _id(session, desk, name, owner))

    seen = context.run(look).row
    if not yes:
        about = f"{seen.open_incidents} open incidents, owner {clean(seen.owner.email)}"
        typer.confirm(f"Delete the rule {clean(seen.name)!r} ({about})?", abort=True, err=True)

    async def body(desk: Workspace) -> None:
        from datapulse_tui.alerts.service import rules

        async with desk.data.transaction() as session:
            await rules.archive(session, desk.actor, seen.id, version=seen.version)

    context.run(body)
    typer.echo(f"Deleted {clean(seen.name)}.")


async def _id(session: AsyncSession, desk: Workspace, name: str, owner: str) -> UUID:
    from datapulse_tui.alerts.reads.rules import find_rule

    return await find_rule(session, desk.actor, name, owner=owner)


def _duration(seconds: int) -> str:
    from datapulse_tui.alerts.durations import format_duration

    return format_duration(seconds)


def _bounded(number: int, bound: int) -> int | str:
    return f"{number:,}+" if number >= bound else number


def _print_applied(applied: list[Applied], *, dry_run: bool) -> None:
    for each in applied:
        outcome = f"would be {each.outcome}" if dry_run and each.outcome != "unchanged" else each.outcome
        typer.echo(f"{clean(each.name)}: {outcome}")
        for change in each.changes:
            typer.echo(f"  {clean(change)}")
    counts = [
        f"{sum(each.outcome == outcome for each in applied)} {outcome}"
        for outcome in ("created", "updated", "unchanged")
        if any(each.outcome == outcome for each in applied)
    ]
    typer.echo(f"{', '.join(counts)}{' (nothing was written)' if dry_run else ''}.", err=True)


def _show(detail: RuleDetail) -> None:
    from datapulse_tui.alerts.plain import plain_detail
    from datapulse_tui.alerts.rules import label_text

    row = detail.row
    facts: list[tuple[str, object]] = [
        *plain_detail(detail, owner=True).items(),
        ("condition", f"{row.metric} {row.condition}"), ("status", row.status), ("health", row.health),
        ("health reason", row.health_reason), ("last evaluated", row.last_at), ("next evaluation", row.next_at),
        ("skipped slots", row.skipped_slots), ("open incidents", row.open_incidents), ("source", row.source),
        ("query's SQL", " ".join(detail.query_sql.split())), ("changed", detail.updated_at), ("version", row.version),
    ]  # fmt: skip
    output.emit_table(
        ("field", "value"), [(name, output.cell(value)) for name, value in facts if value not in (None, "")]
    )
    if not detail.series:
        return
    typer.echo()
    output.emit_table(
        ("series", "state", "reason", "since", "value"),
        [(label_text(each.labels), each.state, each.reason, each.since, each.value) for each in detail.series],
    )
    if detail.series_count.number > len(detail.series) or not detail.series_count.exact:
        typer.echo(f"{len(detail.series)} of {detail.series_count} series, those that fire first.", err=True)
