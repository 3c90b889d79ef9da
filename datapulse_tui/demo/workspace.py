"""The demo's workspace: where it lives, opening it (and making it, when it is not there or not complete), reset."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from datapulse_tui.errors import Conflict

if TYPE_CHECKING:
    from datapulse_tui.config import Settings
    from datapulse_tui.data.connect import Connection

DASHBOARDS = Path(__file__).with_name("dashboards")
ALERTS = Path(__file__).with_name("alerts")
PICTURE = "datapulse.png"

_MARK = "datapulse-demo"
_MARK_TEXT = "A sample workspace of DataPulse. `datapulse demo --reset` may delete its database and sample files.\n"
_README = "README.txt"
_README_TEXT = """\
Sample data of `datapulse demo`: invented, generated from a seed, and written again every few minutes while a demo runs.
orders.csv     what a shop for office furniture sold; no such shop exists
latency.csv    how fast its services answered, with incidents
headcount.csv  who joined and left; nobody is meant
"""


def demo_settings(settings: Settings) -> Settings:
    """`settings` for the demo: a home of its own below the ordinary one, its own embedded database, its own files."""
    home = settings.home / "demo"
    changes = {
        "home": home,
        "database_url": None,
        "direct_url": None,
        "owner_url": None,
        "allowed_csv_folders": (sample_folder(home), *settings.allowed_csv_folders),
    }
    return settings.changed(**changes)


def sample_folder(home: Path) -> Path:
    """The folder of the sample files in the demo's `home`."""
    return home / "sample-data"


def edition() -> str:
    """What the demo is made of, as a word that changes when its content does."""
    digest = hashlib.sha256()
    for path in (
        *sorted(DASHBOARDS.iterdir()),
        *sorted(ALERTS.iterdir()),
        *(Path(__file__).with_name(f"{name}.py") for name in ("cast", "requests", "tables")),
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


async def open_demo(settings: Settings) -> Connection:
    """Open the demo that `settings` (of `demo_settings`) name, complete: people, sources, dashboards, rules, files.

    Making it takes a few seconds once; later starts ask one question more than `connect`. Several may start at the
    same time, and one that was killed half way is completed. Raises Conflict when the home holds another workspace,
    and what `connect` raises.
    """
    fresh = await asyncio.to_thread(_claim, settings.home)
    folder = sample_folder(settings.home)
    # What needs no database is done while the server starts, which leaves this process with little to do.
    ahead = asyncio.create_task(asyncio.to_thread(_prepare, folder, fresh=fresh))
    try:
        connection = await _connect(settings)
        try:
            files = await ahead
            if not await _is_made(connection):
                from datapulse_tui.demo.making import make

                await make(connection, edition(), dashboards=DASHBOARDS, alerts=ALERTS, files=files)
        except BaseException:
            await connection.data.dispose()
            raise
    finally:
        await asyncio.gather(ahead, return_exceptions=True)
    return connection


def reset(settings: Settings) -> None:
    """Delete the demo that `settings` (of `demo_settings`) name: its database and sample files, nothing else.

    Desks that are open on it lose it. Blocking. Raises Conflict when the home is not that of a demo.
    """
    home = settings.home
    if not home.exists():
        return
    _require_demo(home)
    from datapulse_tui.data.embedded import erase
    from datapulse_tui.demo.generate import FILES

    erase(home)
    for name in (*FILES, PICTURE, _README):
        (sample_folder(home) / name).unlink(missing_ok=True)


def _claim(home: Path) -> bool:
    """See that `home` is the demo's, and mark it before anything is put there; True when it has no database yet."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_demo(home)
    mark = home / _MARK
    if not mark.exists():
        mark.write_text(_MARK_TEXT, encoding="utf-8")
    return not _has_database(home)


def _require_demo(home: Path) -> None:
    """Raise Conflict when `home` has a database that no demo put there: somebody's workspace, not ours to touch."""
    if not (home / _MARK).is_file() and _has_database(home):
        raise Conflict(
            f"The folder {home} holds a workspace that is not a demo. Nothing was changed.",
            hint="Move it, or let DATAPULSE_HOME name another folder; the demo lives in the folder `demo` below it.",
        )


def _has_database(home: Path) -> bool:
    base = home / "postgres"
    return base.is_symlink() or base.exists()


def _prepare(folder: Path, *, fresh: bool) -> Path:
    """Write the sample files unless they are there (the sampler keeps them fresh); import what `make` needs, if due.

    Returns the folder without links in its path.
    """
    from datapulse_tui.demo import generate

    if not all((folder / name).is_file() for name in generate.FILES):
        generate.write(folder, datetime.now(UTC))
    for name, content in ((PICTURE, (DASHBOARDS / PICTURE).read_bytes()), (_README, _README_TEXT.encode())):
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
    if fresh:
        import datapulse_tui.demo.making  # noqa: F401
    return folder.resolve()


async def _connect(settings: Settings) -> Connection:
    """Connect; a demo of an older DataPulse is upgraded, because nobody else would."""
    from datapulse_tui.data.connect import connect
    from datapulse_tui.data.schema_version import SchemaTooOld

    try:
        return await connect(settings)
    except SchemaTooOld:
        from datapulse_tui.data.addresses import owner_url
        from datapulse_tui.data.migrate import upgrade

        await asyncio.to_thread(lambda: upgrade(owner_url(settings)))
        return await connect(settings)


async def _is_made(connection: Connection) -> bool:
    """Whether this edition of the demo stands complete, with the address that the server has now."""
    from datapulse_tui.data.glance import fetch

    async with connection.data.glance() as session:
        if not (await fetch(session, "SELECT to_regclass('demo.setup') IS NOT NULL AS there"))[0].there:
            return False
        found = await fetch(session, "SELECT edition, monitor_url FROM demo.setup")
    return bool(found) and tuple(found[0]) == (edition(), connection.addresses.monitor)
