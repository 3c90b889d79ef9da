"""The procrastinate app: every domain's tasks under its name, and when the regular ones run."""

from __future__ import annotations

from typing import NamedTuple

from procrastinate import App, PsycopgConnector

from datapulse_tui.alerts import jobs as alerts
from datapulse_tui.house import join
from datapulse_tui.jobs import housekeeping
from datapulse_tui.notify import jobs as notify
from datapulse_tui.workflows import jobs as workflows

BLUEPRINTS = {
    "housekeeping": housekeeping.blueprint,
    "alerts": alerts.blueprint,
    "notify": notify.blueprint,
    "workflows": workflows.blueprint,
}


class Cron(NamedTuple):
    """A task that runs regularly: five cron fields (six with seconds last), in UTC."""

    when: str
    task: str


CRON = (
    Cron("17 * * * *", "housekeeping:prune_jobs"),
    Cron("29 * * * *", "housekeeping:prune_sign_in_attempts"),
    Cron("* * * * *", "housekeeping:close_lost_sessions"),
    Cron("7 * * * *", "alerts:retention"),
    Cron("43 3 * * *", "notify:prune"),
)


def _collect() -> App:
    join()
    # A connector without an address: `worker` puts the real one in its place for as long as it runs.
    collected = App(connector=PsycopgConnector())
    for namespace, blueprint in BLUEPRINTS.items():
        collected.add_tasks_from(blueprint, namespace=namespace)
    for when, name in CRON:
        collected.periodic(cron=when)(collected.tasks[name])
    return collected


app = _collect()
