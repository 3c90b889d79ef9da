"""The one place where screens meet the domains. Everything heavy is imported in here, when it is first used."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

from datapulse_tui.tui.ahead import (
    FOR_PICTURES,
    FOR_QUERIES,
    giving_way,
    import_for_list,
    import_for_queries,
    import_in_lulls,
)
from datapulse_tui.tui.desk_account import AccountDesk
from datapulse_tui.tui.desk_approvals import ApprovalDesk
from datapulse_tui.tui.desk_audit import AuditDesk
from datapulse_tui.tui.desk_health import HealthDesk
from datapulse_tui.tui.desk_incidents import IncidentDesk
from datapulse_tui.tui.desk_keys import KeyDesk
from datapulse_tui.tui.desk_people import PeopleDesk
from datapulse_tui.tui.desk_roles import RoleDesk
from datapulse_tui.tui.desk_rules import RuleDesk
from datapulse_tui.tui.desk_today import TodayDesk
from datapulse_tui.tui.slowness import Slowness

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.config import Settings
    from datapulse_tui.dashboards.reads import DashboardRow, DashboardView, WidgetView
    from datapulse_tui.dashboards.runner import Runner, WidgetAnswer
    from datapulse_tui.dashboards.timerange import TimeRange
    from datapulse_tui.dashboards.variables import Scalar, Variable
    from datapulse_tui.data.connect import Connection
    from datapulse_tui.data.page import Page
    from datapulse_tui.sources.pool import Sources

CLIENT = "datapulse desk"
DESK = "desk"  # the kind of a session
PAGE = 200  # rows of one page of a list


class Person(NamedTuple):
    """Who is signed in at this desk. `has_password` is False for those who were let in without one; `must_change` says
    that theirs is a temporary one, with which nothing else opens."""

    actor: Actor
    has_password: bool = True
    preferences: Mapping[str, object] = MappingProxyType({})
    must_change: bool = False

    @property
    def name(self) -> str:
        """What people call them."""
        return self.actor.label

    @property
    def role(self) -> str:
        """Their built-in role in words."""
        from datapulse_tui.people.rules import role_in_words

        return role_in_words(self.actor.role)


Scope = Literal["all", "mine", "shared", "public"]
Order = Literal["name", "updated"]


class ListWish(NamedTuple):
    """What the list of dashboards shows."""

    scope: Scope = "all"
    text: str = ""
    order: Order = "name"


class RunWish(NamedTuple):
    """With what a widget's query is run: the reader's range and variables, the picture's width in cells, and when."""

    time_range: TimeRange | None
    variables: Mapping[str, object]
    width: int
    now: datetime
    exact: bool = False


def local_zone() -> str:
    """The IANA name of this machine's time zone, as good as it can be found; UTC otherwise."""
    from zoneinfo import available_timezones

    link = str(Path("/etc/localtime").resolve())
    for name in (os.environ.get("TZ", ""), link.partition("zoneinfo/")[2]):
        if name in available_timezones():
            return name
    return "UTC"


class Services(
    AccountDesk, ApprovalDesk, AuditDesk, HealthDesk, IncidentDesk, KeyDesk, PeopleDesk, RoleDesk, RuleDesk, TodayDesk
):
    """What the screens ask of the domains. Raises DataPulseError; Unavailable when the database is away."""

    def __init__(
        self,
        *,
        home: Path | None = None,
        demo: bool = False,
        as_email: str | None = None,
        connection: Connection | None = None,
    ) -> None:
        super().__init__(home=home, demo=demo, as_email=as_email, connection=connection)
        self._sources: Sources | None = None
        self._runner: Runner | None = None
        self._slowness = Slowness()
        self._remembering: asyncio.Task[None] | None = None
        self._making = asyncio.Lock()

    @property
    def greeting(self) -> str:
        """What the sign-in says about the workspace."""
        if not self.demo:
            return ""
        from datapulse_tui.demo.cast import PASSWORD, PEOPLE

        able = [f"{person.email} ({person.role.replace('_', ' ')})" for person in PEOPLE if not person.invited]
        return f"The sample workspace. Everybody's password is {PASSWORD}. Sign in as {', '.join(able[:4])} …"

    async def close(self) -> None:
        """Close the sources, then the rest."""
        sources, self._sources, self._runner = self._sources, None, None
        if self._remembering is not None:
            self._remembering.cancel()
        if sources is not None:
            await sources.close()
        await super().close()

    # -- people --------------------------------------------------------------------------------------------------------

    async def sign_in(self, email: str, password: str) -> Person:
        """The person with that address and password, at this desk. Raises SignInFailed, SignInDelayed, NotActive."""
        from datapulse_tui.people.operator import origin
        from datapulse_tui.people.sign_in import sign_in

        actor = await sign_in(self.data, email, password, ip=origin(os.environ), user_agent=CLIENT, kind=DESK)
        return await self._person(actor, has_password=True)

    async def accept(self, email: str, code: str, password: str) -> Person:
        """The invited person with that address and code, who has this password from now on. Raises InvitationFailed,
        SignInDelayed, Invalid."""
        from datapulse_tui.people.invitations import accept
        from datapulse_tui.people.operator import origin

        actor = await accept(self.data, email, code, password, ip=origin(os.environ), user_agent=CLIENT, kind=DESK)
        return await self._person(actor, has_password=True)

    async def act_as(self, email: str) -> Person:
        """The person with that address, let in by the operator of this machine, which the trail records."""
        from datapulse_tui.people.operator import operator_actor

        async with self.data.glance() as session:
            actor = await operator_actor(session, as_email=email)
        return await self._person(replace(actor, user_agent=CLIENT), has_password=False)

    async def first_admin(self, name: str, email: str, password: str) -> Person:
        """Make the first administrator and sign them in. Raises Invalid, and Conflict when there is somebody by now."""
        from datapulse_tui.people.operator import operator
        from datapulse_tui.people.service import first_admin

        async with self.data.transaction() as session:
            maker = replace(operator(), user_agent=CLIENT)
            await first_admin(session, maker, email=email, name=name, password=password, timezone=local_zone())
        return await self.sign_in(email, password)

    async def unlock(self, person: Person, password: str) -> None:
        """Raise what `sign_in` raises unless this is the person's password."""
        from datapulse_tui.people.operator import origin
        from datapulse_tui.people.sign_in import sign_in

        await sign_in(self.data, person.actor.email, password, ip=origin(os.environ), user_agent=CLIENT)

    async def _person(self, actor: Actor, *, has_password: bool) -> Person:
        from datapulse_tui.people.reads import must_change_password, preferences

        remembered: dict[str, object] = {}
        temporary = False
        if actor.user_id is not None:
            async with self.data.glance() as session:
                remembered = await preferences(session, actor.user_id)
                temporary = has_password and await must_change_password(session, actor.user_id)
        return Person(actor, has_password, remembered, temporary)

    async def set_preference(self, person: Person, key: str, value: str | bool | None) -> None:  # noqa: FBT001
        """Remember something for the person, or forget it (None)."""
        from datapulse_tui.people.service import set_preference

        async with self.acting(person) as (session, actor):
            await set_preference(session, actor, key, value)

    # -- dashboards ----------------------------------------------------------------------------------------------------

    async def dashboards(self, person: Person, wish: ListWish, after: str | None) -> Page[DashboardRow]:
        """One page of the list."""
        with self.lull.broken():
            from datapulse_tui.dashboards.reads import list_dashboards

            async with self.data.glance() as session:
                return await list_dashboards(
                    session, person.actor, scope=wish.scope, text=wish.text, order=wish.order, after=after, limit=PAGE
                )

    async def dashboard(self, person: Person, dashboard_id: UUID) -> DashboardView:
        """A dashboard with its widgets."""
        from datapulse_tui.dashboards.reads import get_dashboard

        with self.lull.broken():
            async with self.data.glance() as session:
                found = await get_dashboard(session, person.actor, dashboard_id)
                if self._runner is not None:
                    await self._runner.expect(session, found)
                return found

    async def star(self, person: Person, dashboard_id: UUID, *, starred: bool) -> None:
        """Star a dashboard for this person, or take the star away."""
        from datapulse_tui.dashboards.reads import star_key

        await self.set_preference(person, star_key(dashboard_id), True if starred else None)

    async def warm_up(self) -> None:
        """Import what the first dashboard and the first change need, and let a screen that is opened go first."""
        with giving_way():
            await asyncio.to_thread(self._slowness.load, self._slowness_path)
            await asyncio.to_thread(import_for_list)
            await import_in_lulls(FOR_QUERIES, self.lull)
            await self._running()
            await import_in_lulls(FOR_PICTURES, self.lull)
            await self.data.warm_up(self.lull.comes)

    async def _running(self) -> Runner:
        """The runner of this desk; what it needs is imported in a thread when the first widget asks."""
        async with self._making:
            if self._runner is None:
                settings = self.connection.settings
                await asyncio.to_thread(import_for_queries)
                self._sources = await asyncio.to_thread(_make_sources, settings)
                from datapulse_tui.dashboards.runner import Runner

                self._runner = Runner.from_settings(self.data, self._sources, settings)
            return self._runner

    async def run(self, person: Person, dashboard: DashboardView, widget: WidgetView, wish: RunWish) -> WidgetAnswer:
        """Run a widget's query in its source. Cancelling the task cancels the query there as well."""
        with self.lull.broken():
            runner = await self._running()
            answer = await runner.run(
                person.actor,
                dashboard,
                widget,
                time_range=wish.time_range,
                variables=wish.variables,
                width=wish.width,
                now=wish.now,
                exact=wish.exact,
            )
        if answer.source_name and self._slowness.note(widget.id, answer.took) and self._remembering is None:
            self._remembering = asyncio.create_task(self._remember_slowness())
        return answer

    async def _remember_slowness(self) -> None:
        """Once for all widgets of a dashboard, and when nobody waits for them any more."""
        await self.lull.comes()
        self._remembering = None
        await asyncio.to_thread(self._slowness.save, self._slowness_path)

    def slowness(self, widget_id: UUID) -> float:
        """Seconds that this widget took when it last ran at this desk; 0 when it has not yet."""
        return self._slowness.of(widget_id)

    @property
    def _slowness_path(self) -> Path:
        return self.connection.settings.home / "cache" / "slow-widgets.json"

    async def options(
        self, person: Person, dashboard: DashboardView, variable: Variable, now: datetime
    ) -> tuple[Scalar, ...]:
        """What a variable offers to choose from."""
        runner = await self._running()
        return await runner.options(person.actor, dashboard, variable, now=now)


def _make_sources(settings: Settings) -> Sources:
    """The sources of an installation; runs in a thread, because the first one imports a lot."""
    from datapulse_tui.sources.pool import Sources

    return Sources.from_settings(settings)
