"""`datapulse delivery`: what was sent, what failed, and sending it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace

app = context.noun("Notifications: list, show, retry.")

STATUSES = ("pending", "sending", "sent", "failed", "cancelled", "suppressed")

Delivery = Annotated[str, typer.Argument(metavar="ID", help="The notification's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    status: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(STATUSES)}.")] = None,
    channel: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of a channel.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show notifications, the newest first."""
    if status is not None and status not in STATUSES:
        context.fail(Invalid(f"There is no status {clean(status)}.", hint=f"There are: {', '.join(STATUSES)}."))

    async def body(desk: Workspace) -> None:
        from datapulse_tui.notify import reads

        async with desk.data.reading() as session:
            found = None if channel is None else (await reads.get_channel(session, desk.actor, channel)).row.id
            page = await reads.deliveries(session, desk.actor, status=status, channel_id=found, limit=limit)
        if as_json:
            output.emit_json(page.items)
        else:
            output.emit_table(
                ["id", "created", "status", "kind", "channel", "to", "incident", "attempts", "reason"],
                [
                    [r.id, r.created_at, r.status, r.kind, r.channel or r.channel_type, r.address or r.person,
                     "" if r.number is None else f"#{r.number} {r.title}", r.attempts, r.reason or r.answer]
                    for r in page.items
                ],
            )  # fmt: skip

    context.run(body)


@app.command()
def show(delivery: Delivery, as_json: AsJson = False) -> None:
    """Show one notification with every attempt to send it."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.notify import reads

        async with desk.data.reading() as session:
            found = await reads.get_delivery(session, desk.actor, _id(delivery))
        if as_json:
            output.emit_json(found)
            return
        row = found.row
        output.emit_table(
            ["what", "is"],
            [
                ["status", row.status],
                ["reason", row.reason],
                ["kind", row.kind],
                ["channel", row.channel or row.channel_type],
                ["to", " ".join(part for part in (row.person, row.address) if part)],
                ["incident", "" if row.number is None else f"#{row.number} {row.title}"],
                ["due", row.due_at],
                ["sent", row.sent_at],
                ["answer", row.answer],
                ["in one message", found.together],
            ],
        )
        for attempt in found.attempts:
            said = "taken" if attempt.succeeded else "not taken"
            when = attempt.at.isoformat(sep=" ", timespec="seconds")
            typer.echo(f"{when}  {said} after {attempt.took_ms} ms: {clean(attempt.answer)}")

    context.run(body)


@app.command()
def retry(
    delivery: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Failed notifications.")] = None,
    all_failed: Annotated[bool, typer.Option("--all", help="All that stand as failed.")] = False,
) -> None:
    """Send failed notifications again."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.notify import reads
        from datapulse_tui.notify.service import send_again

        ids = [_id(each) for each in delivery or ()]
        if bool(ids) == all_failed:
            raise Invalid("Give the notifications, or --all.", hint="See: datapulse delivery list --status failed")
        async with desk.data.transaction() as session:
            if all_failed:
                ids = [row.id for row in await reads.failed(session, desk.actor, limit=10_000)]
            count = await send_again(session, desk.actor, ids)
        typer.echo(f"{count:,} {'notification is' if count == 1 else 'notifications are'} sent again.")

    context.run(body)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(
            f"{clean(text)[:60]} is not the id of a notification.", hint="`datapulse delivery list` shows them."
        ) from None
