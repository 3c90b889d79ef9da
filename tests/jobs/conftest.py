"""Tests of the worker must not depend on what the clock on the wall says is due."""

from __future__ import annotations

import time

import psycopg
import pytest
from croniter import croniter

from datapulse_tui.jobs.app import CRON
from tests.databases import dsn


@pytest.fixture(autouse=True)
def nothing_regular_is_due(request: pytest.FixtureRequest) -> None:
    """Note the regular jobs of this hour as asked for, so that no worker of a test asks for them."""
    if "database_url" not in request.fixturenames:
        return
    url = request.getfixturevalue("database_url")
    with psycopg.connect(dsn(url)) as connection:
        for when, task in CRON:
            ticks = croniter(when, time.time() - 7200, ret_type=float)
            moments = [int(next(ticks)) for _ in range(4)]
            while moments[-1] < time.time() + 600:
                moments.append(int(next(ticks)))
            connection.execute(
                "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, periodic_id) "
                "SELECT %s, moment, '' FROM unnest(%s::bigint[]) moment",
                [task, moments],
            )
