"""`datapulse worker failed | retry`: jobs that stand as failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.cli import context, many, output
from datapulse_tui.errors import Invalid, NotFound

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace

app = context.noun("Jobs that failed.")


@app.command()
def failed(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the jobs that stand as failed, and why."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.jobs.reads import failed_jobs

        async with desk.data.reading() as session:
            page = await failed_jobs(session, desk.actor, limit=limit)
        if as_json:
            output.emit_json(page.items)
        elif page.items:
            output.emit_table(
                ("job", "task", "failed", "attempts", "why"),
                [(each.id, each.task, each.failed_at, each.attempts, each.error) for each in page.items],
            )
        else:
            typer.echo("No job stands as failed.")

    context.run(body)


@app.command()
def retry(
    job: Annotated[list[str] | None, typer.Argument(metavar="JOB", help="The numbers of failed jobs.")] = None,
    all_failed: Annotated[bool, typer.Option("--all", help="All that stand as failed, at most 1,000.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Have failed jobs run again. Exits with 3 when only some could be."""

    async def body(desk: Workspace) -> list[many.Done]:
        from datapulse_tui.jobs import reads
        from datapulse_tui.jobs.service import retry as run_again

        numbers = [_number(each) for each in dict.fromkeys(job or ())]
        if bool(numbers) == all_failed:
            raise Invalid("Give the numbers of jobs, or --all.", hint="See: datapulse worker failed")
        async with desk.data.transaction() as session:
            if all_failed:
                page = await reads.failed_jobs(session, desk.actor, limit=reads.LARGEST_PAGE)
                found = {each.id: each for each in page.items}
                if not found:
                    raise NotFound("No job stands as failed. Nothing was changed.")
                numbers = list(found)
            else:
                found = await reads.failed_by_id(session, desk.actor, numbers)
            # Those that do not stand as failed are asked for as well: the service says why not.
            seen = [(number, found[number].attempts if number in found else 0) for number in numbers]
            outcomes = await run_again(session, desk.actor, seen)
        return [
            many.Done(str(each.id), None, f"{each.id} {each.task}".strip(), each.done, each.message)
            for each in outcomes
        ]

    many.report("job", context.run(body), as_json=as_json)


def _number(text: str) -> int:
    word = text.strip().removeprefix("#")
    if not (word.isascii() and word.isdigit() and int(word) < 2**63):
        raise Invalid(f"{text!r} is not the number of a job.", hint="See: datapulse worker failed")
    return int(word)
