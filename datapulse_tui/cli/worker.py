"""`datapulse worker`: the background work."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from datapulse_tui.cli import context, output, worker_jobs

app = typer.Typer(
    help="Background work: run a worker, see how workers are, run failed jobs again.",
    invoke_without_command=True,
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(worker_jobs.app)


@app.callback()
def worker(
    command: typer.Context,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs at a time.")] = 4,
    queues: Annotated[str, typer.Option(metavar="A,B", help="Only these queues; without it, all.")] = "",
    stalled_after: Annotated[
        float, typer.Option(min=3, metavar="SECONDS", help="A worker without a heartbeat for so long is dead.")
    ] = 30,
) -> None:
    """Run a worker until ctrl+c or SIGTERM; what runs is finished first. A second signal ends it at once.

    Any number of workers on any number of machines share the work.
    """
    if command.invoked_subcommand is not None:
        return
    names = tuple(name for part in queues.split(",") if (name := part.strip()))

    async def body(desk: context.Workspace) -> None:
        from datapulse_tui.jobs.worker import WorkerOptions, log_to, stopped_by_signals, work

        log_to(logging.StreamHandler(), desk.settings.log_level)
        await desk.data.dispose()  # the worker has connections of its own
        options = WorkerOptions(concurrency, names, stalled_after)
        revive = None
        if desk.settings.embedded:
            from datapulse_tui.data.addresses import embedded_server

            revive = embedded_server(desk.settings.home).ensure
        async with stopped_by_signals() as stop:
            await work(desk.addresses.direct, options, stop, revive=revive, lent=(desk.settings,))

    context.run(body)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say how many workers live, what waits for them and how rules keep up; exit code 1 when no worker lives."""

    async def body(desk: context.Workspace) -> bool:
        from datapulse_tui.alerts.evaluation_health import evaluation_health
        from datapulse_tui.data.worker_health import worker_health

        async with desk.data.reading() as session:
            health = await worker_health(session)
            rules = await evaluation_health(session)
        if as_json:
            output.emit_json(output.plain(health) | {"evaluation": rules})
        else:
            output.emit_table(
                ("workers", "last beat", "queued", "lag", "rules", "overdue", "evaluations/s", "in error"),
                [
                    (
                        health.workers,
                        health.last_beat,
                        health.queued,
                        f"{health.lag_seconds:.1f} s",
                        rules.rules,
                        rules.overdue,
                        rules.per_second,
                        rules.failing,
                    )
                ],
            )
        return health.alive

    if not context.run(body):
        raise typer.Exit(context.FAILED)
