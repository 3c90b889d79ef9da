"""`datapulse audit`: the trail of what was done, whether it is still what was written, and what is taken out of it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import audit_files, context, output
from datapulse_tui.cli.progress import ProgressLine
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.audit.reads import AuditRecord, RecordPage
    from datapulse_tui.audit.verify import Noted, Verdict
    from datapulse_tui.cli.context import Workspace

app = context.noun("The audit trail: list, show, verify, export, purge, verify-export.")
audit_files.add_to(app)

_NOTED = re.compile(r"(\d{1,18}):([0-9a-fA-F]{16,64})")


@app.command()
def verify(
    noted: Annotated[
        str | None,
        typer.Option("--noted", metavar="SEAL:HASH", help="A seal as it was noted earlier; it must still be there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Recompute every seal; exit code 1 with the first record or seal that does not match.

    Tamper-evident, not tamper-proof: note the last seal's number and hash somewhere else, and give it back with
    --noted. What was found is recorded.
    """
    line = ProgressLine()

    async def body(desk: Workspace) -> Verdict:
        from datapulse_tui.audit.verdicts import progress_words, verify_and_record

        def progress(done: int, total: int) -> None:
            line(progress_words(done, total))

        try:
            return await verify_and_record(desk.data, desk.actor, noted=_parse_noted(noted), progress=progress)
        finally:
            line.clear()

    verdict = context.run(body)
    if as_json:
        output.emit_json({"intact": verdict.intact, **output.plain(verdict)})
    else:
        from datapulse_tui.audit.verdicts import describe

        typer.echo("\n".join(describe(verdict)))
    if not verdict.intact:
        raise typer.Exit(context.FAILED)


@app.command("list")
def list_trail(
    filter_: audit_files.Filter = "",
    person: Annotated[str | None, typer.Option("--person", metavar="EMAIL", help="The same as who:EMAIL.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="The same as action:ACTION.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many records.")] = 50,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on where a page ended.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the newest records of the trail that a filter asks for."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.audit.filters import words_of

        narrowed = {name: value for name, value in (("who", person), ("action", action)) if value}
        items, following = await _page(desk, f"{filter_} {words_of(**narrowed)}".strip(), after, limit)
        if as_json:
            output.emit_json({"records": items, "next": following})
            return
        output.emit_table(
            ("seq", "at", "who", "action", "on", "from", "details"),
            ((one.seq, one.at, _who(one), one.action, one.thing, one.ip_address, one.details or None) for one in items),
        )
        if following:
            sys.stderr.write(f"There is more: --after {following}\n")

    context.run(body)


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The record's number.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one record, with what it changed field by field."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.audit.difference import changes, notes
        from datapulse_tui.audit.reads import get_record

        async with desk.data.reading() as session:
            found = await get_record(session, desk.actor, number)
        if as_json:
            output.emit_json(found)
            return
        facts = {
            "number": found.seq, "at": found.at, "who": _who(found), "action": found.action, "on": found.thing,
            "id": found.resource_id, "from": found.ip_address, "client": found.user_agent,
        }  # fmt: skip
        output.emit_table(("what", "value"), [*facts.items(), *notes(found.details)])
        found_changes = changes(found.details)
        if found_changes:
            typer.echo("")
            output.emit_table(
                ("field", "before", "after"), [(each.path, each.before, each.after) for each in found_changes]
            )

    context.run(body)


async def _page(desk: Workspace, line: str, after: str | None, limit: int) -> tuple[list[AuditRecord], str | None]:
    """A full page, however far back its records are, and the cursor behind it."""
    from datapulse_tui.audit.reads import list_records

    found: list[AuditRecord] = []
    searching = ProgressLine()
    try:
        while True:
            async with desk.data.reading() as session:
                page: RecordPage = await list_records(
                    session, desk.actor, filter=line, after=after, limit=limit - len(found)
                )
            found += page.items
            after = page.next
            if page.searched_to is None or len(found) == limit:
                return found, after
            searching(f"Searched back to {page.searched_to:%Y-%m-%d %H:%M}, {len(found):,} found")
    finally:
        searching.clear()


def _who(one: AuditRecord) -> str:
    return clean(f"{one.who} ({one.through})" if one.through else one.who)


def _parse_noted(text: str | None) -> Noted | None:
    from datapulse_tui.audit.verify import Noted

    if text is None:
        return None
    found = _NOTED.fullmatch(text.strip())
    if found is None:
        raise Invalid(
            "--noted takes a seal's number and hash (at least 16 digits of it).",
            hint="Write it as `datapulse audit verify` prints it, such as 57:9f86d081884c7d65.",
        )
    return Noted(int(found[1]), found[2].lower())
