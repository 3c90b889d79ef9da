"""What the matrix is tried on: somebody of each kind with things of their own, things that were shared with them, and
things of somebody else. Made once a module; what a cell does to it is taken back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import bcrypt
from cryptography.fernet import Fernet
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.rules import PERMISSIONS
from datapulse_tui.workflows import timers
from tests.permissions.table import ADMIN, ANALYST, BUSINESS, DEPUTY, GONE, KINDS, NOTHING, OF_PEOPLE, OPERATOR, OPS

ROLE_OF = {BUSINESS: BUSINESS, ANALYST: ANALYST, OPS: OPS, ADMIN: ADMIN, DEPUTY: ANALYST, NOTHING: ADMIN, GONE: OPS}
DEPUTYS = ("user:", "role:", "department:", "apikey:", "sshkey:", "session:")
# Who owns what is foreign, who owns nothing, another administrator, and who gets what those two have.
OTHER, STRANGER, ROOT, HEIR, REGENT = "sam", "zoe", "root", "heir", "regent"
SYSTEM = Actor(None, "system:tests", everything=True)
MAIL = {"host": "localhost", "port": 9, "sender": "pulse@example.org", "security": "none"}  # nobody is there
PASSWORD = "correct horse battery"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

Things = dict[str, dict[str, UUID]]  # kind of thing -> whose -> its id


@dataclass
class World:
    """`people` are ids by kind, `things` what they act on: those of one kind of person, and those of all."""

    url: str
    owner_url: str
    people: dict[str, UUID] = field(default_factory=dict)
    things: dict[str, Things] = field(default_factory=dict)
    key: str = field(default_factory=lambda: Fernet.generate_key().decode())


@dataclass
class Cell:
    """One try: this actor, with what is `whose`, in this session."""

    world: World
    kind: str
    whose: str
    session: AsyncSession
    actor: Actor
    box: SecretBox

    def __getitem__(self, thing: str) -> UUID:
        """The id of the thing that is meant."""
        found = self.world.things.get(self.kind, {}).get(thing, {})
        return found.get(self.whose) or self.world.things["all"][thing][self.whose]

    def thing(self, thing: str, whose: str) -> UUID:
        """The id of a thing, whatever is meant."""
        found = self.world.things.get(self.kind, {}).get(thing, {})
        return found.get(whose) or self.world.things["all"][thing][whose]

    @property
    def stranger(self) -> UUID:
        """Somebody who may do little."""
        return self.world.people[STRANGER]

    @property
    def root(self) -> UUID:
        """Another administrator."""
        return self.world.people[ROOT]

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Database]:
        """A database of its own: for verbs that read in a transaction of a special kind."""
        data = Database(self.world.url)
        try:
            yield data
        finally:
            await data.dispose()

    @property
    def user(self) -> UUID:
        """Whom a verb on people means: oneself, a stranger, or an administrator."""
        return self.world.people[{"own": self.kind, "foreign": STRANGER, "above": ROOT}[self.whose]]

    def seen(self, thing: str) -> list[tuple[UUID, int]]:
        """The thing in the version in which it stands."""
        return [(self[thing], 1)]

    @property
    def data(self) -> Any:
        """A database whose every transaction is this session: for verbs that make their own."""
        return Borrowed(self.session)

    async def rows(self, sql: str, **values: object) -> list[Any]:
        """Prepare something, in the same session."""
        result = await self.session.execute(text(sql), values)
        return list(result.all()) if result.returns_rows else []


class Borrowed:
    """Stands in for a Database."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with self._session.begin_nested():
            yield self._session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        yield self._session

    glance = streaming = reading


def applies(kind: str, whose: str) -> bool:
    """Whether somebody of this kind can have that: an operator owns nothing, and nobody shares with them."""
    return kind != OPERATOR or whose not in OF_PEOPLE


def build(url: str, owner_url: str) -> World:
    """Make everything, committed."""
    world = World(url, owner_url)
    asyncio.run(_build(world))
    return world


async def _build(world: World) -> None:
    data = Database(world.url)
    try:
        async with data.transaction() as session:
            await _People(session, world).make()
        async with data.transaction() as session:
            await _Things(session, world).make()
        await timers.run_due(data)
    finally:
        await data.dispose()


class _Maker:
    def __init__(self, session: AsyncSession, world: World) -> None:
        self.session = session
        self.world = world

    async def add(self, table: str, **values: Any) -> Any:
        """A row; its id."""
        for name, value in values.items():
            if isinstance(value, dict) or (isinstance(value, list) and name not in ("audience", "types")):
                values[name] = json.dumps(value)
        names = ", ".join(values)
        bound = ", ".join(f":{name}" for name in values)
        statement = text(f"INSERT INTO {table} ({names}) VALUES ({bound}) RETURNING *")
        row = (await self.session.execute(statement, values)).one()
        return row.id if hasattr(row, "id") else row

    def keep(self, kind: str, thing: str, whose: str, found: UUID) -> UUID:
        self.world.things.setdefault(kind, {}).setdefault(thing, {})[whose] = found
        return found


class _People(_Maker):
    async def make(self) -> None:
        roles = {**ROLE_OF, OTHER: OPS, STRANGER: BUSINESS, ROOT: ADMIN, HEIR: ANALYST, REGENT: ADMIN}
        for kind, role in roles.items():
            status = "inactive" if kind == GONE else "active"
            self.world.people[kind] = await self.add(
                "users", email=f"{kind}@example.org", name=kind.title(), password=HASH, role=role, status=status
            )
        for whose, words in (("foreign", ["user:find"]), ("above", ["audit:view", "user:find"])):
            self.keep("all", "role", whose, await self.add("roles", name=f"{whose} role", permissions=words))
        words = [word for word in PERMISSIONS if word.startswith(DEPUTYS)]
        deputys = await self.add("roles", name="deputies", permissions=words)
        await self.add("user_roles", user_id=self.world.people[DEPUTY], role_id=deputys)
        for whose in ("foreign", "spare"):
            self.keep("all", "department", whose, await self.add("departments", name=f"{whose} department"))


class _Things(_Maker):
    async def make(self) -> None:
        people = {kind: self.world.people[kind] for kind in KINDS if kind != OPERATOR}
        other = self.world.people[OTHER]
        self.shop, self.vault = await self._source("shop"), await self._source("vault")
        self.keep("all", "source", "shared", self.shop)
        self.keep("all", "source", "foreign", self.vault)
        for user in (*people.values(), other):
            await self.add("data_source_grants", data_source_id=self.shop, user_id=user)
        await self.add("data_source_grants", data_source_id=self.vault, user_id=other)
        mail = await self.add("notification_channels", name="mail", type="email", config=MAIL, is_default=True)
        self.keep("all", "channel", "foreign", mail)
        failed = await self.add(
            "deliveries", key="k", kind="message", channel_type="email", channel_id=mail, status="failed",
            message_id=uuid4(), address="x@example.org",
        )  # fmt: skip
        self.keep("all", "delivery", "foreign", failed)
        self.number = 0
        for thing, made in (await self._of(other, "foreign", "theirs", None)).items():
            self.keep("all", thing, "foreign", made)
        for kind, user in people.items():
            for thing, made in (await self._of(user, "own", kind, user)).items():
                self.keep(kind, thing, "own", made)
            for thing, made in (await self._of(other, "shared", kind, user)).items():
                self.keep(kind, thing, "shared", made)

    async def _source(self, name: str) -> UUID:
        url = make_url(self.world.owner_url)
        host = url.query.get("host") or url.host or "localhost"
        config = {"host": str(host), "port": url.port or 5432, "dbname": url.database or "", "user": url.username or ""}
        made: UUID = await self.add(
            "data_sources", name=name, type="postgresql", connection_config=config, status="connected"
        )
        return made

    async def _of(self, owner: UUID, whose: str, label: str, reader: UUID | None) -> dict[str, UUID]:
        """Things of `owner`, named after `whose`; where they are shared, `reader` is with whom."""
        self.number += 1
        name, now = f"{whose} {label}", datetime.now(UTC)
        shared_with = reader if whose == "shared" else None
        dashboard = await self.add("dashboards", user_id=owner, name=name)
        if shared_with:
            await self.add("dashboard_shares", dashboard_id=dashboard, user_id=shared_with, permission="edit")
        source = self.vault if whose == "foreign" else self.shop
        query = await self.add("queries", user_id=owner, name=name, sql="SELECT 1.0 AS value", data_source_id=source)
        rule = await self.add(
            "alerts", user_id=owner, metric_id=query, metric="value", name=name, threshold_type="above",
            threshold_value=10, status="active", is_active=True,
        )  # fmt: skip
        await self.add("alert_evaluations", alert_id=rule, next_at=now)
        made = {"dashboard": dashboard, "query": query, "rule": rule}
        made["incident"] = await self._incident(rule, name, reader, "threshold", status="triggered")
        made["acknowledged"] = await self._incident(
            rule, name, reader, "error", status="acknowledged", acknowledged_by=reader or owner, acknowledged_at=now
        )
        made["resolved"] = await self._incident(
            rule, name, reader, "no_data", status="resolved", reason="by_hand", resolved_at=now, resolved_by=owner
        )
        silent = await self.add("metric_series", query_id=query, metric="value", label_key=name, labels={"a": "b"})
        made["snoozed"] = await self._incident(rule, name, reader, "threshold", status="triggered", series_id=silent)
        made["snooze"] = await self.add(
            "alert_snoozes", alert_id=rule, incident_id=made["snoozed"], kind="until_time",
            until=now + timedelta(hours=1), reason="quiet", created_by=owner,
        )  # fmt: skip
        await self.session.execute(
            text("UPDATE alert_incidents SET status = 'snoozed', snooze_id = :snooze WHERE id = :id"),
            {"snooze": made["snooze"], "id": made["snoozed"]},
        )
        made["view"] = await self.add("saved_views", user_id=owner, room="alerts", name=name, filter="")
        return made | await self._requests(owner, name, shared_with) | await self._access(owner, name, shared_with)

    async def _incident(self, rule: UUID, name: str, reader: UUID | None, kind: str, **more: Any) -> UUID:
        made: UUID = await self.add(
            "alert_incidents", alert_id=rule, kind=kind, title=name, severity="warning", opened_at=datetime.now(UTC),
            **more,
        )  # fmt: skip
        if reader:
            await self.add("alert_notifications", alert_id=rule, incident_id=made, user_id=reader)
        return made

    async def _requests(self, owner: UUID, name: str, reader: UUID | None) -> dict[str, UUID]:
        """Requests of `owner`: `request` waits for `reader` or (nobody named) for an administrator who is not here."""
        from datapulse_tui.workflows.service import requests

        async with self.session.begin_nested():
            maker = Actor(owner, "maker", permissions=frozenset(PERMISSIONS), email=f"{owner}@example.org")
            made = {
                each: await requests.create(self.session, maker, "free_form", {"subject": f"{each} {name}"})
                for each in ("request", "asked", "claimed", "decided")
            }
        root = self.world.people[ROOT]
        audience = [f"user:{each}" for each in (reader, root) if each]
        for each, request in made.items():
            sets = {
                "asked": "waiting_on = 'requester', paused_at = now()",
                "claimed": "claimed_by = CAST(:by AS uuid), claimed_at = now()",
            }.get(each, "waiting_on = 'approver'")
            by = {"by": reader or root} if each == "claimed" else {}
            await self.session.execute(
                text(f"UPDATE workflows SET audience = :audience, {sets} WHERE id = :id"),
                {"audience": audience, "id": request, **by},
            )
        await self._decide(made["decided"], root)
        return made

    async def _decide(self, request: UUID, root: UUID) -> None:
        """Have `root` approve it; the timers make that final."""
        from datapulse_tui.workflows.service import decisions

        await decisions.approve(self.session, await actor_for(self.session, root), [(request, 1)])
        over = text("UPDATE workflows SET final_at = now(), timer_at = now() WHERE id = :id")
        await self.session.execute(over, {"id": request})

    async def _access(self, owner: UUID, name: str, reader: UUID | None) -> dict[str, UUID]:
        """What somebody comes in with, and for whom they stand in."""
        now = datetime.now(UTC)
        return {
            "session": await self.add("sessions", user_id=owner),
            "api_key": await self.add(
                "api_keys", user_id=owner, name=name, key_hash=name, permissions=["dashboard:view"],
                expires_at=now + timedelta(days=9), prefix=f"p{self.number}",
            ),
            "ssh_key": await self.add(
                "ssh_keys", user_id=owner, name=name, key_type="ssh-ed25519", public_key=name, fingerprint=name
            ),
            "delegation": await self.add(
                "delegations", principal_id=owner, substitute_id=reader or self.world.people[ROOT], types=[],
                starts_at=now, ends_at=now + timedelta(days=1),
            ),
        }  # fmt: skip


async def actor_of(session: AsyncSession, world: World, kind: str) -> Actor:
    """Somebody of this kind, as they were when they sat down."""
    if kind == OPERATOR:
        return Actor(None, "operator:tester@here", everything=True, role="operator")
    if kind == GONE:
        return Actor(world.people[kind], kind.title(), permissions=frozenset(PERMISSIONS), role=OPS)
    actor = await actor_for(session, world.people[kind])
    if kind != NOTHING:
        return actor
    from dataclasses import replace

    return replace(actor, permissions=frozenset(), scopes=frozenset())
