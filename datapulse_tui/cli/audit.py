"""`datapulse audit`: the trail of what was done, and whether it is still what was written."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.audit.verify import Noted, Verdict
    from datapulse_tui.cli.context import Workspace

app = context.noun("The audit trail: list, verify.")

PROGRESS_EVERY = 0.2  # seconds
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
    --noted.
    """

    async def body(desk: Workspace) -> Verdict:
        from datapulse_tui.audit.verify import verify as check

        progress = _Progress()
        try:
            return await check(desk.data, desk.actor, noted=_parse_noted(noted), progress=progress)
        finally:
            progress.clear()

    verdict = context.run(body)
    if as_json:
        output.emit_json({"intact": verdict.intact, **output.plain(verdict)})
    else:
        typer.echo(describe(verdict))
    if not verdict.intact:
        raise typer.Exit(context.FAILED)


@app.command("list")
def list_trail(
    person: Annotated[str | None, typer.Option("--person", metavar="EMAIL", help="Only what this person did.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Only this action, or all that begin so: `user.`")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many records.")] = 50,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on where a page ended.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the newest records of the trail."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.audit.reads import AuditFilter, list_records
        from datapulse_tui.people import reads

        async with desk.data.reading() as session:
            user_id = (await reads.get_user(session, desk.actor, person)).id if person else None
            page = await list_records(
                session, desk.actor, only=AuditFilter(user_id=user_id, action=action), after=after, limit=limit
            )
        if as_json:
            output.emit_json({"records": page.items, "next": page.next})
            return
        output.emit_table(
            ("seq", "at", "who", "action", "on", "from", "details"),
            (
                (
                    one.seq,
                    one.at,
                    f"{one.who} ({one.through})" if one.through else one.who,
                    one.action,
                    f"{one.resource_type} {one.resource_id or ''}".strip(),
                    one.ip_address,
                    one.details or None,
                )
                for one in page.items
            ),
        )
        if page.next:
            sys.stderr.write(f"There is more: --after {page.next}\n")

    context.run(body)


def describe(verdict: Verdict) -> str:
    """The verdict in words."""
    waiting = f"{verdict.unsealed:,} records are not sealed yet; nothing can be said of them."
    if verdict.problem is not None:
        before = f"Before it, {verdict.records:,} records in {verdict.seals:,} seals match."
        return f"The audit trail was changed. {verdict.problem.message}\n{before}\n{waiting}"
    lines = [f"The audit trail is intact: {verdict.records:,} records in {verdict.seals:,} seals match.", waiting]
    if verdict.seals:
        lines.append(f"Last seal: {verdict.last_seal}:{verdict.last_hash}")
    return "\n".join(lines)


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


class _Progress:
    """One line on stderr that is written over, on a terminal only."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next = now + PROGRESS_EVERY
            share = 100 * done // total if total else 100
            sys.stderr.write(f"\rVerified {done:,} of {total:,} sealed records ({share} %)")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown and self._next:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
