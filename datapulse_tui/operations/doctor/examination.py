"""The examination: the checks in their order, each within its own time, none of them in the way of another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from datapulse_tui.errors import DataPulseError
from datapulse_tui.operations.doctor import database, machine, terminal, work
from datapulse_tui.operations.doctor.findings import Examined, Finding, bad, skipped
from datapulse_tui.operations.doctor.setup import Setup

if TYPE_CHECKING:
    from datapulse_tui.config import Settings

PATIENCE = 15.0  # seconds for one check
START_PATIENCE = 200.0  # an embedded server may recover after a crash


class Check(NamedTuple):
    """A check. `needs`: settings that are valid, a database that answers, a schema that fits."""

    id: str
    title: str
    run: Callable[[Setup], Awaitable[Finding]]
    needs: str = ""
    patience: float = PATIENCE


# Those of a row are run together; a row begins when the one before has ended, which it may have learned from.
ROWS: tuple[tuple[Check, ...], ...] = (
    (
        Check("python", "Python", machine.python),
        Check("configuration", "Configuration", machine.configuration),
    ),
    (
        Check("home", "Home folder", machine.home, "settings"),
        Check("key", "Secret key", machine.key, "settings"),
        Check("disk", "Disk", machine.disk, "settings"),
    ),
    (Check("terminal", "Terminal", terminal.terminal),),
    (Check("database", "Database", database.reachable, "settings", START_PATIENCE),),
    (
        Check("server", "Server", database.server, "database"),
        Check("roles", "Roles", database.roles, "database"),
        Check("migrations", "Migrations", database.migrations, "database"),
        Check("notifications", "Notifications", database.notifications, "database"),
        Check("clocks", "Clocks", database.clocks, "database"),
    ),
    (
        Check("workers", "Workers", work.workers, "schema"),
        Check("secrets", "Stored secrets", work.stored_secrets, "schema"),
    ),
    (
        Check("job", "Job round trip", work.round_trip, "schema"),
        Check("channels", "Channels", work.channels, "schema"),
        Check("sources", "Sources", work.sources, "schema"),
    ),
)

Told = Callable[[Examined], None]


async def examine(settings: Settings | None = None, *, told: Told = lambda _: None) -> tuple[Examined, ...]:
    """Run every check, in the environment's set-up or that of `settings`; `told` hears of each as it ends.

    Never raises for what it finds. What it says holds no secret.
    """
    setup = Setup()
    machine.load(setup, settings)
    found: list[Examined] = []
    try:
        for row in ROWS:
            for each in await asyncio.gather(*(_run(check, setup) for check in row)):
                told(each)
                found.append(each)
    finally:
        if setup.data is not None:
            await setup.data.dispose()
    return tuple(found)


async def _run(check: Check, setup: Setup) -> Examined:
    missing = _missing(check, setup)
    if missing:
        return Examined(check.id, check.title, skipped(missing))
    began = time.perf_counter()
    try:
        async with asyncio.timeout(check.patience):
            finding = await check.run(setup)
    except TimeoutError:
        finding = bad(f"no answer within {check.patience:.0f} s", "It is not known how this stands.", "Try again.")
    except DataPulseError as error:
        finding = bad(error.message, "", error.hint)
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding
        said = (str(error).strip().splitlines() or [""])[0]
        finding = bad(f"the check failed: {type(error).__name__}: {said}", "It is not known how this stands.", "")
    return Examined(check.id, check.title, finding, time.perf_counter() - began)


def _missing(check: Check, setup: Setup) -> str:
    if check.needs and setup.settings is None:
        return "the configuration has to be mended first"
    if check.needs in ("database", "schema") and not setup.answers:
        return "the database does not answer"
    if check.needs == "schema" and not setup.fits:
        return "the schema does not fit"
    return ""
