"""What the tests of requests start from: people, a type of request whose audience and quorum a test chooses, and an
e-mail channel through which nothing is sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from pydantic import Field
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.people.actors import actor_for
from datapulse_tui.workflows import timers
from datapulse_tui.workflows.reads.detail import get_request
from datapulse_tui.workflows.reads.queue import list_requests
from datapulse_tui.workflows.rules import Priority, Scope
from datapulse_tui.workflows.service import decisions, requests
from datapulse_tui.workflows.types import registry
from datapulse_tui.workflows.types.base import Audience, Form, Prepared, RequestType
from datapulse_tui.workflows.views import Outcome, RequestRow, RequestView

DECIDERS = "permission:workflow:decide"
ADMINS = "role:admin"


class FavourForm(Form):
    """A favour, and who decides it."""

    what: str = Field(min_length=1)
    words: str = DECIDERS
    fallback: str = ADMINS
    quorum: int = 1
    about: str = ""


class Favour(RequestType[FavourForm]):
    """A request whose form says who decides it."""

    name: ClassVar[str] = "favour"
    title: ClassVar[str] = "Favour"
    explanation: ClassVar[str] = "Ask for a favour."
    form = FavourForm
    has_effect: ClassVar[bool] = False

    async def prepare(self, session: Any, actor: Actor, form: FavourForm) -> Prepared:
        return Prepared(
            form.what,
            {"fields": form.model_dump(mode="json"), "refused": [form.about] if form.about else []},
            Audience(tuple(form.words.split()), "the deciders"),
            Audience(tuple(form.fallback.split()), "the fall-back"),
            form.quorum,
            self.priority,
        )

    def values(self, details: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        return (("What", details["fields"]["what"]),)


class Deed(Favour):
    """The same with an effect."""

    name: ClassVar[str] = "deed"
    title: ClassVar[str] = "Deed"
    has_effect: ClassVar[bool] = True

    def effect_text(self, details: Mapping[str, Any]) -> str:
        return f"{details['fields']['what']} is done"


@dataclass
class Office:
    """A database with an admin (`ada`), two ops managers (`olga`, `otto`) and two business users (`bea`, `bob`)."""

    data: Database
    people: dict[str, Actor] = field(default_factory=dict)

    def __getattr__(self, nick: str) -> Actor:
        try:
            return self.__dict__["people"][nick]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(nick) from None

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.data.transaction() as session:
            result = await session.execute(text(sql), values)
            return list(result.all()) if result.returns_rows else []

    async def person(self, nick: str, role: str = "business_user", *, zone: str = "UTC") -> Actor:
        """Another active person."""
        values = {"email": f"{nick}@example.org", "name": nick.title(), "role": role, "zone": zone}
        [row] = await self.rows(
            "INSERT INTO users (email, name, password, role, status, timezone) "
            "VALUES (:email, :name, '!', :role, 'active', :zone) RETURNING id",
            **values,
        )
        return await self.again(nick, row.id)

    async def again(self, nick: str, user_id: UUID | None = None) -> Actor:
        """The person with the rights that they have now."""
        async with self.data.reading() as session:
            self.people[nick] = await actor_for(session, user_id or f"{nick}@example.org")
        return self.people[nick]

    async def custom_role(self, name: str, who: Actor, *permissions: str) -> None:
        await self.rows(
            "WITH r AS (INSERT INTO roles (name, permissions) VALUES (:name, CAST(:words AS jsonb)) RETURNING id) "
            "INSERT INTO user_roles (user_id, role_id) SELECT :who, id FROM r",
            name=name, words=json.dumps(permissions), who=who.user_id,
        )  # fmt: skip

    async def ask(
        self,
        who: Actor | None = None,
        what: str = "a day off",
        *,
        type: str = "favour",
        priority: Priority | None = None,
        **fields: Any,
    ) -> UUID:
        """A new request (of bea, unless it is somebody else's)."""
        async with self.data.transaction() as session:
            return await requests.create(session, who or self.bea, type, {"what": what, **fields}, priority)

    async def do(self, verb: Any, actor: Actor, *ids: UUID, version: int = 1, **more: Any) -> tuple[Outcome, ...]:
        """A verb on these requests, as seen in `version`."""
        async with self.data.transaction() as session:
            found: tuple[Outcome, ...] = await verb(session, actor, [(each, version) for each in ids], **more)
            return found

    async def approve(self, actor: Actor, *ids: UUID, comment: str = "") -> tuple[Outcome, ...]:
        return await self.do(decisions.approve, actor, *ids, comment=comment)

    async def delegation(self, away: Actor, substitute: Actor, *types: str, days: float = 7) -> UUID:
        """A delegation that began an hour ago, straight into the table."""
        now = datetime.now(UTC)
        [row] = await self.rows(
            "INSERT INTO delegations (principal_id, substitute_id, types, starts_at, ends_at) "
            "VALUES (:away, :substitute, :types, :start, :end) RETURNING id",
            away=away.user_id, substitute=substitute.user_id, types=list(types),
            start=now - timedelta(hours=1), end=now + timedelta(days=days),
        )  # fmt: skip
        return UUID(str(row.id))

    async def request(self, request_id: UUID) -> Any:
        [row] = await self.rows("SELECT * FROM workflows WHERE id = :id", id=request_id)
        return row

    async def elapse(self, request_id: UUID, **span: float) -> None:
        """Let the request be older by `span`, as if that much time had gone by."""
        names = ("created", "due", "expires", "timer", "final", "paused", "reminded", "escalated")
        sets = ", ".join(f"{name}_at = {name}_at - CAST(:span AS interval)" for name in names)
        await self.rows(f"UPDATE workflows SET {sets} WHERE id = :id", id=request_id, span=timedelta(**span))

    async def tick(self) -> int:
        """What happens by itself now."""
        return await timers.run_due(self.data)

    async def settle(self, *ids: UUID) -> None:
        """Let provisional decisions become final."""
        for each in ids:
            await self.elapse(each, seconds=11)
        await self.tick()

    async def list(self, actor: Actor, scope: Scope = Scope.FOR_ME, filter: str = "", **more: Any) -> list[RequestRow]:
        async with self.data.glance() as session:
            return list((await list_requests(session, actor, scope=scope, filter=filter, **more)).items)

    async def subjects(self, actor: Actor, scope: Scope = Scope.FOR_ME, filter: str = "") -> list[str]:
        return [row.subject for row in await self.list(actor, scope, filter)]

    async def view(self, actor: Actor, wanted: UUID | int) -> RequestView:
        async with self.data.glance() as session:
            return await get_request(session, actor, wanted)

    async def events(self, request_id: UUID) -> list[str]:
        found = await self.rows("SELECT kind FROM workflow_events WHERE workflow_id = :id ORDER BY id", id=request_id)
        return [row.kind for row in found]

    async def audited(self, resource_id: UUID) -> list[str]:
        found = await self.rows("SELECT action FROM audit_logs WHERE resource_id = :id ORDER BY seq", id=resource_id)
        return [row.action for row in found]

    async def told(self, title: str = "") -> list[tuple[str, str]]:
        """Who was told what, in order of the titles; only what begins with `title`."""
        found = await self.rows(
            "SELECT address, payload->>'title' AS title FROM deliveries WHERE payload->>'title' LIKE :title "
            "ORDER BY title, address",
            title=f"{title}%",
        )
        return [(row.address.partition("@")[0], row.title) for row in found]

    @asynccontextmanager
    async def other(self) -> AsyncIterator[Office]:
        """The same office through connections of another process's own."""
        data = Database(self.data.url)
        try:
            yield Office(data, self.people)
        finally:
            await data.dispose()


@pytest.fixture
async def office(data: Database, home: Any, monkeypatch: pytest.MonkeyPatch) -> Office:
    """See Office."""
    monkeypatch.setattr(registry, "TYPES", {**registry.TYPES, "favour": Favour(), "deed": Deed()})
    office = Office(data)
    await office.rows("INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true)")
    for nick, role in (
        ("ada", "admin"), ("olga", "ops_manager"), ("otto", "ops_manager"), ("bea", "business_user"),
        ("bob", "business_user"),
    ):  # fmt: skip
        await office.person(nick, role)
    return office
