"""A worker: runs queued jobs, looks what is due, puts back what others left, seals the audit trail, until it is told to
stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from datapulse_tui.alerts.evaluation.evaluator import Evaluator
from datapulse_tui.alerts.evaluation.model import Limits
from datapulse_tui.audit.sealer import run_sealer
from datapulse_tui.config import Settings, load_settings
from datapulse_tui.data.address import libpq_arguments
from datapulse_tui.data.database import Database
from datapulse_tui.data.job_context import lend
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.data.worker_health import STALLED_AFTER, worker_health
from datapulse_tui.errors import DataPulseError, Unavailable
from datapulse_tui.jobs import memory, name_tag
from datapulse_tui.jobs.app import app
from datapulse_tui.jobs.failures import keep_reason
from datapulse_tui.jobs.housekeeping import put_stalled_jobs_back
from datapulse_tui.jobs.pacemaker import run_pacemaker
from datapulse_tui.notify.sender import Sender
from datapulse_tui.sources.pool import Sources

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
POOL_TIMEOUT = 3.0  # seconds that procrastinate waits for a connection before it counts the database as lost
SETTLED = 60.0  # a part that ran this long starts its pauses anew
REGISTERED_SOON = 0.05  # seconds between two looks whether the queue has given a worker its number


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works: jobs at a time, which queues (none means all), seconds until a silent worker is dead, and the
    limits of evaluation."""

    concurrency: int = 4
    queues: tuple[str, ...] = ()
    stalled_after: float = STALLED_AFTER
    evaluation: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What runs in a worker; each part is kept running by `_keep`."""

    url: str
    data: Database
    options: WorkerOptions
    revive: Callable[[], None] | None
    lent: Sequence[object]
    stop: asyncio.Event
    finished: asyncio.Event

    async def jobs(self) -> None:
        """Run jobs until `stop` or until the database is lost, which raises."""
        if self.revive is not None:
            await asyncio.to_thread(self.revive)
        async with self.data.reading() as session:  # says in 5 s, and in plain words, what a pool says after 30
            await worker_health(session)
        connector = PsycopgConnector(
            kwargs=libpq_arguments(self.url, "datapulse worker"),
            min_size=1,
            max_size=self.options.concurrency + 2,
            timeout=POOL_TIMEOUT,
        )
        with app.replace_connector(connector):
            async with app.open_async():
                await self._run()
        if not self.stop.is_set():
            raise Unavailable("The line to the database was lost.")

    async def _run(self) -> None:
        options = self.options
        worker = Worker(
            app=app,
            queues=list(options.queues) or None,
            concurrency=options.concurrency,
            update_heartbeat_interval=options.stalled_after / 3,
            stalled_worker_timeout=options.stalled_after,
            additional_context=lend((self.data, *self.lent)),
            install_signal_handlers=False,
            worker_middleware=[keep_reason],
        )
        running = asyncio.create_task(worker.run(), name="worker: jobs")  # type: ignore[no-untyped-call]
        stopping = asyncio.create_task(self.stop.wait())
        wearing = asyncio.create_task(self._wear_name(worker), name="worker: name")
        try:
            await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
            worker.stop()  # type: ignore[no-untyped-call]
            while not running.done():
                # procrastinate's own heart stops while it waits for the jobs that run; others would put them back.
                if worker.worker_id is not None:
                    await app.job_manager.update_heartbeat(worker.worker_id)
                await asyncio.wait((running,), timeout=options.stalled_after / 3)
            await running
        finally:
            stopping.cancel()
            running.cancel()
            wearing.cancel()
            await asyncio.gather(running, stopping, wearing, return_exceptions=True)

    async def _wear_name(self, worker: Worker) -> None:
        """Let others see which process this worker is, until it is cancelled."""
        while worker.worker_id is None:  # noqa: ASYNC110  (nobody tells us)
            await asyncio.sleep(REGISTERED_SOON)
        async with name_tag.worn(self.url, worker.worker_id):
            await self.finished.wait()

    async def rescue(self) -> None:
        """Put stalled jobs back, in every worker: also when all that it does is wait for one long job."""
        while not self.stop.is_set():
            async with self.data.transaction() as session:
                await put_stalled_jobs_back(session, stalled_after=self.options.stalled_after)
            await _pause(self.stop, self.options.stalled_after / 2)

    async def pace(self) -> None:
        """Queue jobs for what is due."""
        await run_pacemaker(self.data, self.stop)

    async def seal(self) -> None:
        """Seal the audit trail about every second, until the last job has ended."""
        await run_sealer(self.data, self.finished)


async def work(
    url: str,
    options: WorkerOptions,
    stop: asyncio.Event,
    *,
    revive: Callable[[], None] | None = None,
    lent: Sequence[object] = (),
) -> None:
    """Work at the direct `url` until `stop` is set, then finish the jobs that run.

    A database that is away, or not yet upgraded, is logged and waited for; `revive` (it may block) is called before
    each new try. `lent` is what tasks may borrow besides the Database, the Settings (without any given: those of the
    environment), the Sources, the Evaluator and the Sender. One worker a process: the app is shared.
    """
    memory.settle()
    given = next((thing for thing in lent if isinstance(thing, Settings)), None)
    settings = given or load_settings()
    # A job must not fail for a connection that died while nothing ran.
    secrets = SecretBox.from_settings(settings)
    data = Database(url, pool_size=options.concurrency + 2, pre_ping=True, secrets=lambda: secrets)
    sources = Sources.from_settings(settings)
    evaluator = Evaluator(data, sources, options.evaluation)
    sender = Sender(data, secrets)
    things = (settings, sources, evaluator, sender, *lent)
    parts = _Parts(url, data, options, revive, things, stop, asyncio.Event())
    sealing = asyncio.create_task(_keep(parts.seal, parts.finished), name="worker: sealer")
    try:
        await asyncio.gather(_keep(parts.jobs, stop), _keep(parts.rescue, stop), _keep(parts.pace, stop))
    finally:
        await asyncio.gather(evaluator.close(), sender.close())
        await sources.close()
        parts.finished.set()
        await sealing
        await data.dispose()


async def _keep(part: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run `part` until `stop`, again and again with growing pauses if it ends before."""
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE
    name = getattr(part, "__name__", "part")
    while not stop.is_set():
        began = loop.time()
        try:
            await part()
        except (DataPulseError, ConnectorException, OSError) as error:
            # What procrastinate raises says "Database error."; its cause says which.
            reason = str(error.__cause__ or error) if isinstance(error, ConnectorException) else str(error)
            logger.warning("%s: %s (next try in %.1f s)", name, (reason.splitlines() or [""])[0], pause)
        except Exception:
            logger.exception("%s failed (next try in %.1f s)", name, pause)
        pause = FIRST_PAUSE if loop.time() - began > SETTLED else pause
        await _pause(stop, pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


@contextlib.asynccontextmanager
async def stopped_by_signals() -> AsyncIterator[asyncio.Event]:
    """An event that the first SIGTERM or SIGINT sets. A second one ends the process at once; its jobs are put back."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on(number: signal.Signals) -> None:
        logger.info("%s: taking no more jobs, finishing what runs", number.name)
        stop.set()
        for each in numbers:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, functools.partial(on, number))
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def log_to(handler: logging.Handler, level: str = "INFO") -> None:
    """Send this process's log to `handler`. Job arguments appear at DEBUG only."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=[handler])
    if level != "DEBUG":
        logging.getLogger("procrastinate").setLevel(logging.WARNING)  # else two lines for every job
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # a lost database is told once, by us
