"""A small world for the tests of the inbox: people, a rule that tells one of them, and incidents as evaluation opens
them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.alerts import episodes, history
from datapulse_tui.alerts.reads.incidents import get_incident
from datapulse_tui.alerts.rules import label_key
from datapulse_tui.alerts.views import IncidentView
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from tests.alerts.conftest import SYSTEM, MakeQuery, MakeRule, MakeSource, MakeUser


@dataclass
class World:
    """`olga` and `otto` manage, `bea` is told of the incidents of `rule`, `bob` of none."""

    data: Database
    olga: Actor
    otto: Actor
    bea: Actor
    bob: Actor
    query: UUID
    rule: UUID
    make_rule: MakeRule

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.data.transaction() as session:
            result = await session.execute(text(sql), values)
            return list(result.all()) if result.returns_rows else []

    async def open(self, *hosts: str, rule: UUID | None = None, value: float = 12.0) -> list[UUID]:
        """An incident for each host's series, which fires."""
        now = datetime.now(UTC)
        alert = rule or self.rule
        async with self.data.transaction() as session:
            labels = [{"host": host} for host in hosts]
            found = await history.series_ids(session, self.query, "value", labels)
            series = [found[label_key(each)] for each in labels]
            await session.execute(
                text(
                    "INSERT INTO alert_series (alert_id, series_id, state, reason, since) "
                    "SELECT :alert, unnest(CAST(:series AS bigint[])), 'firing', 'breach', :now "
                    "ON CONFLICT (alert_id, series_id) DO UPDATE SET state = 'firing', since = excluded.since"
                ),
                {"alert": alert, "series": series, "now": now},
            )
            await history.write_samples(session, now, [(each, value) for each in series])
            openings = [
                episodes.Opening(alert, now, series_id=each, labels=label, value=value, reason="breach")
                for each, label in zip(series, labels, strict=True)
            ]
            ids = await episodes.open_many(session, openings)
        rows = await self.rows("SELECT id, labels->>'host' AS host FROM alert_incidents WHERE id = ANY(:ids)", ids=ids)
        by_host = {row.host: row.id for row in rows}
        return [by_host[host] for host in hosts if host in by_host]

    async def recover(self, *hosts: str) -> None:
        """The series are normal again, and nobody has told their incidents."""
        await self.rows(
            "UPDATE alert_series SET state = 'normal', since = now() WHERE series_id IN "
            "(SELECT id FROM metric_series WHERE labels->>'host' = ANY(:hosts))",
            hosts=list(hosts),
        )

    async def view(self, wanted: UUID | int, actor: Actor = SYSTEM) -> IncidentView:
        async with self.data.reading() as session:
            return await get_incident(session, actor, wanted)

    async def seen(self, *ids: UUID) -> list[tuple[UUID, int]]:
        """The incidents with their versions now."""
        found = await self.rows("SELECT id, version FROM alert_incidents WHERE id = ANY(:ids)", ids=list(ids))
        versions = {row.id: row.version for row in found}
        return [(each, versions[each]) for each in ids]

    async def incident(self, incident_id: UUID) -> Any:
        return (await self.rows("SELECT * FROM alert_incidents WHERE id = :id", id=incident_id))[0]

    async def rule_status(self) -> str:
        return str((await self.rows("SELECT status FROM alerts WHERE id = :id", id=self.rule))[0].status)

    async def deliveries(self, incident_id: UUID) -> list[tuple[str, str, str]]:
        """Kind, status and reason of each, in order."""
        found = await self.rows(
            "SELECT kind, status, coalesce(reason, '') AS reason FROM deliveries WHERE incident_id = :id "
            "ORDER BY created_at, kind",
            id=incident_id,
        )
        return [(row.kind, row.status, row.reason) for row in found]

    async def events(self, incident_id: UUID) -> list[str]:
        found = await self.rows("SELECT kind FROM incident_events WHERE incident_id = :id ORDER BY id", id=incident_id)
        return [row.kind for row in found]

    async def audited(self, resource_id: UUID) -> list[str]:
        found = await self.rows("SELECT action FROM audit_logs WHERE resource_id = :id ORDER BY seq", id=resource_id)
        return [row.action for row in found]


async def make_world(
    data: Database, make_user: MakeUser, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> World:
    """The world, with an e-mail channel through which nothing is sent."""
    olga, otto = await make_user("olga"), await make_user("otto")
    bea, bob = await make_user("bea", "business_user"), await make_user("bob", "business_user")
    query = await make_query(olga, await make_source())
    async with data.transaction() as session:
        await session.execute(
            text("INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true)")
        )
    channels = [{"type": "email", "to": [f"person:{bea.user_id}"]}]
    second = [{"type": "email", "to": [f"person:{otto.user_id}"]}]
    rule = await make_rule(
        olga, query, name="checkout errors", severity="critical", channels=channels, escalation_channels=second,
        escalate_after_seconds=900,
    )  # fmt: skip
    return World(data, olga, otto, bea, bob, query, rule, make_rule)
