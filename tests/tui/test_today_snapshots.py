"""Pictures of Today and of the channels at the two sizes that matter; look at the report when one changes."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from sqlalchemy import text
from textual.pilot import Pilot

from datapulse_tui.tui import watch
from datapulse_tui.tui.screens.channels import words as channel_words
from datapulse_tui.tui.screens.channels.channels import ChannelsScreen
from tests.tui.conftest import ANA, NOW, World, at_rest, hold_status, see, until
from tests.tui.inbox_world import fill

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def standing(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Incidents, a pinned metric, a snooze that ends soon and deliveries, all as they stand at NOW."""
    monkeypatch.setattr(watch, "WORKER_LOOKS", ())
    monkeypatch.setattr(channel_words, "worker_items", lambda *_: [])
    monkeypatch.setattr(channel_words, "workers_line", lambda *_: ("1 worker · queue 0", False))

    async def prepare() -> None:
        connection = world.connect()
        try:
            await fill(connection, NOW)
            async with connection.data.transaction() as session:
                for statement in STATEMENTS:
                    await session.execute(text(statement), values(statement))
        finally:
            await connection.data.dispose()

    asyncio.run(prepare())
    return world


def values(statement: str) -> dict[str, object]:
    return {name: value for name, value in (("now", NOW), ("ana", ANA)) if f":{name}" in statement}


STATEMENTS = (
    "UPDATE metric_samples m SET value = m.series_id * 10 + row.n % 7 FROM (SELECT series_id, at, row_number() "
    "OVER (PARTITION BY series_id ORDER BY at) AS n FROM metric_samples) row "
    "WHERE row.series_id = m.series_id AND row.at = m.at",
    "UPDATE alert_incidents SET escalate_at = CAST(:now AS timestamptz) + number * interval '4 min' WHERE number < 4",
    "UPDATE alert_incidents SET status = 'acknowledged', acknowledged_at = :now, acknowledged_by = "
    "(SELECT id FROM users WHERE email = :ana) WHERE number = 4",
    "INSERT INTO user_preferences (user_id, key, value) SELECT id, 'pin:series:2', 'true' FROM users "
    "WHERE email = 'ana@example.org'",
    "INSERT INTO alert_snoozes (alert_id, kind, created_at, until, reason) SELECT id, 'until_time', :now, "
    "CAST(:now AS timestamptz) + interval '20 min', 'Deploy' FROM alerts WHERE name LIKE 'Stock%'",
    "UPDATE deliveries SET created_at = CAST(:now AS timestamptz) - row.n * interval '1 min', updated_at = :now "
    "FROM (SELECT id, row_number() OVER (ORDER BY key) AS n FROM deliveries) row WHERE row.id = deliveries.id",
    "UPDATE deliveries SET sent_at = created_at WHERE sent_at IS NOT NULL",
    "INSERT INTO notification_channels (name, type, config, is_default, checked_at) VALUES "
    "('Company mail', 'email', jsonb_build_object('shown', 'mail.example.org'), true, :now)",
)


def steady(pilot: Pilot[Any]) -> None:
    app: Any = pilot.app
    hold_status(app)


async def at_today(pilot: Pilot[Any]) -> None:
    await see(pilot, "Pinned metrics")
    await see(pilot, "3 Alerts 5")
    await at_rest(pilot)
    steady(pilot)
    await pilot.pause()


async def at_channels(pilot: Pilot[Any]) -> None:
    await at_today(pilot)
    await pilot.press("3")
    await see(pilot, "Snoozes")
    await pilot.press("left")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChannelsScreen))
    await see(pilot, "Company mail")
    await see(pilot, "6 failed")
    await until(pilot, lambda: cast(Any, pilot.app.screen)._views or pilot.app.size.width < 120)
    steady(pilot)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("steps", [at_today, at_channels], ids=lambda steps: steps.__name__)
def test_today(standing: World, snap_compare: Any, steps: Any, size: tuple[int, int]) -> None:
    assert snap_compare(standing.desk(as_email=ANA), terminal_size=size, run_before=steps)
