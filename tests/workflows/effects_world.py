"""People, things and requests for the tests of types and effects. Requests are made of what a type prepares, and votes
written as the service writes them, so that these tests need nothing but the database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.people.actors import actor_for
from datapulse_tui.workflows import effects
from datapulse_tui.workflows.types.base import Prepared
from datapulse_tui.workflows.types.registry import type_of

_REQUEST = """
INSERT INTO workflows (requester_id, type, subject, details, audience, quorum, priority)
VALUES (:requester, :type, :subject, CAST(:details AS jsonb), :audience, :quorum, :priority) RETURNING id
"""


@dataclass(frozen=True)
class World:
    """One test's database, through the application's role."""

    data: Database

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.data.transaction() as session:
            result = await session.execute(text(sql), values)
            return list(result.all()) if result.returns_rows else []

    async def one(self, sql: str, **values: Any) -> Any:
        ((found,),) = await self.rows(sql, **values)
        return found

    async def person(self, nick: str, role: str = "business_user", status: str = "active", zone: str = "UTC") -> Actor:
        """An account; as an actor with the rights of its role, also while it is not active."""
        values = {"email": f"{nick}@example.org", "name": nick.title(), "role": role, "status": status, "zone": zone}
        user_id: UUID = await self.one(
            "INSERT INTO users (email, name, password, role, status, timezone) "
            "VALUES (:email, :name, '!', :role, :status, :zone) RETURNING id",
            **values,
        )
        if status != "active":
            return Actor(user_id, nick.title(), email=values["email"])
        return await self.actor(user_id)

    async def actor(self, user_id: UUID | None) -> Actor:
        """The person with the rights that they have now."""
        assert user_id is not None
        async with self.data.reading() as session:
            return await actor_for(session, user_id)

    async def dashboard(self, owner: Actor, name: str = "Orders", *, public: bool = False) -> UUID:
        sql = "INSERT INTO dashboards (user_id, name, is_public) VALUES (:owner, :name, :public) RETURNING id"
        found: UUID = await self.one(sql, owner=owner.user_id, name=name, public=public)
        return found

    async def source(self, name: str = "warehouse") -> UUID:
        sql = "INSERT INTO data_sources (name, type, status) VALUES (:name, 'postgresql', 'connected') RETURNING id"
        found: UUID = await self.one(sql, name=name)
        return found

    async def query(self, owner: Actor, source: UUID, name: str = "revenue") -> UUID:
        sql = (
            "INSERT INTO queries (user_id, name, sql, data_source_id) VALUES (:owner, :name, 'SELECT 1', :source) "
            "RETURNING id"
        )
        found: UUID = await self.one(sql, owner=owner.user_id, name=name, source=source)
        return found

    async def role(self, name: str, *permissions: str) -> UUID:
        sql = "INSERT INTO roles (name, permissions) VALUES (:name, CAST(:words AS jsonb)) RETURNING id"
        found: UUID = await self.one(sql, name=name, words=json.dumps(permissions))
        return found

    async def rule(self, owner: Actor, name: str = "checkout errors", severity: str = "critical") -> UUID:
        query = await self.query(owner, await self.source(f"source of {name}"), f"query of {name}")
        found: UUID = await self.one(
            "INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, severity, status) "
            "VALUES (:owner, :query, 'value', :name, 'above', 10, :severity, 'triggered') RETURNING id",
            owner=owner.user_id, query=query, name=name, severity=severity,
        )  # fmt: skip
        return found

    async def incident(self, rule: UUID, severity: str = "critical") -> tuple[UUID, int]:
        """An open incident of the rule, and its number."""
        rows = await self.rows(
            "INSERT INTO alert_incidents (alert_id, title, severity, opened_at) "
            "VALUES (:rule, 'disk full', :severity, now()) RETURNING id, number",
            rule=rule, severity=severity,
        )  # fmt: skip
        return rows[0].id, rows[0].number

    async def prepared(self, type_name: str, actor: Actor, **fields: str) -> Prepared:
        """What the type makes of the filled-in form."""
        request_type = type_of(type_name)
        async with self.data.reading() as session:
            return await request_type.prepare(session, actor, request_type.parse(fields))

    async def request(self, type_name: str, actor: Actor, **fields: str) -> UUID:
        """A pending request."""
        prepared = await self.prepared(type_name, actor, **fields)
        found: UUID = await self.one(
            _REQUEST, requester=actor.user_id, type=type_name, subject=prepared.subject,
            details=json.dumps(prepared.details), audience=list(prepared.audience.words), quorum=prepared.quorum,
            priority=prepared.priority.value,
        )  # fmt: skip
        return found

    async def approve(self, request: UUID, *approvers: Actor, principal: Actor | None = None) -> None:
        """Votes of these people (in the name of `principal`, if given), and the decision made final."""
        for each in approvers:
            await self.rows(
                "INSERT INTO workflow_votes (workflow_id, actor_id, principal_id, vote, version) "
                "VALUES (:id, :actor, :principal, 'approve', 1)",
                id=request, actor=each.user_id, principal=(principal or each).user_id,
            )  # fmt: skip
        await self.rows(
            "UPDATE workflows SET status = 'approved', outcome = 'approved', approver_id = :who, decided_at = now(), "
            "effect_state = 'waiting' WHERE id = :id",
            id=request, who=approvers[-1].user_id,
        )  # fmt: skip

    async def approved(self, type_name: str, actor: Actor, *approvers: Actor, **fields: str) -> UUID:
        """A request that was approved and whose effect waits."""
        request = await self.request(type_name, actor, **fields)
        await self.approve(request, *approvers)
        return request

    async def effects(self) -> int:
        """Carry out what waits."""
        return await effects.run_due(self.data)

    async def workflow(self, request: UUID) -> Any:
        return (await self.rows("SELECT * FROM workflows WHERE id = :id", id=request))[0]

    async def events(self, request: UUID) -> list[tuple[str, str]]:
        rows = await self.rows(
            "SELECT kind, comment FROM workflow_events WHERE workflow_id = :id ORDER BY id", id=request
        )
        return [(row.kind, row.comment) for row in rows]

    async def audited(self, action: str) -> list[Any]:
        return await self.rows("SELECT * FROM audit_logs WHERE action = :action ORDER BY seq", action=action)

    async def now(self) -> datetime:
        found: datetime = await self.one("SELECT now()")
        return found
