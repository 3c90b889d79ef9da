"""Carrying out dashboards as code: what differs is checked, written and recorded, and what does not is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from datapulse_tui.dashboards import rules
from datapulse_tui.dashboards.as_code import InvalidFile, LoadedDashboard
from datapulse_tui.dashboards.checking import InvalidDocument, Problem, found
from datapulse_tui.dashboards.plain import Document, plain_view
from datapulse_tui.dashboards.reads import DashboardView, get_dashboard
from datapulse_tui.dashboards.schemas import DashboardDoc, OptionsQuery
from datapulse_tui.dashboards.service import TOPIC, require_publish
from datapulse_tui.dashboards.storing import write_dashboard, write_shares, write_widgets
from datapulse_tui.dashboards.variables import RESERVED
from datapulse_tui.errors import Invalid, NotAllowed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.sources.guard import Policy

Path = tuple[str | int, ...]
Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying one dashboard did, or with `dry_run` would do. `id` is None for one that was not made."""

    id: UUID | None
    name: str
    outcome: Outcome
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    id: UUID
    policy: Policy
    granted: bool


async def apply_all(
    session: AsyncSession,
    actor: Actor,
    loaded: Sequence[LoadedDashboard],
    *,
    owner_id: UUID | None = None,
    dry_run: bool = False,
) -> list[Applied]:
    """Apply every dashboard of a file, all or none. Raises InvalidFile with every slip and its line, and what `apply`
    raises."""
    applied: list[Applied] = []
    slips: list[str] = []
    for each in loaded:
        try:
            applied.append(await apply(session, actor, each.document, owner_id=owner_id, dry_run=dry_run))
        except InvalidDocument as error:
            slips += each.locate(error).slips
    if slips:
        raise InvalidFile(slips)
    return applied


async def apply(
    session: AsyncSession,
    actor: Actor,
    document: DashboardDoc,
    *,
    owner_id: UUID | None = None,
    dry_run: bool = False,
) -> Applied:
    """Make the dashboard of that name among `owner_id`'s (default: the actor's) what `document` says.

    Widgets keep their ids where title and place, title or place say that they are the same. SQL that is new needs the
    right to query its source and passes the read-only guard. With `dry_run` nothing is written. Raises InvalidDocument
    with every slip, NotAllowed, Invalid, and Conflict when somebody else made one of that name at the same moment.
    """
    owner = owner_id or actor.user_id
    if owner is None:
        raise Invalid(
            "A dashboard belongs to a person, and you act as none. Nothing was changed.",
            hint="Say who owns it with --owner EMAIL, or act as them: datapulse --as EMAIL dashboard apply FILE.",
        )
    existing = await _existing(session, actor, owner, document.name, locking=not dry_run)
    _require_rights(actor, owner, existing)
    before = plain_view(existing) if existing else None
    after = document.plain()
    if document.shares is None and existing is not None:
        after |= {"shares": before["shares"]} if before and "shares" in before else {}
    if before == after:
        return Applied(existing.id if existing else None, document.name, "unchanged", ())
    _require_administering(actor, existing, before or {}, after)
    problems: list[Problem] = []
    people = await _people_to_share_with(session, document, owner, problems)
    sources = await _checked_sources(session, actor, document, existing, problems)
    if problems:
        raise InvalidDocument(problems)
    outcome: Outcome = "updated" if existing else "created"
    changes = _changes(before or {}, after)
    if dry_run:
        return Applied(existing.id if existing else None, document.name, outcome, changes)
    dashboard_id = await write_dashboard(session, owner, document, existing)
    await write_widgets(session, dashboard_id, document.widgets, existing.widgets if existing else (), sources)
    if document.shares is not None:
        await write_shares(session, actor, dashboard_id, document, people)
    await _tell(session, actor, dashboard_id, before, after)
    return Applied(dashboard_id, document.name, outcome, changes)


# -- rights ------------------------------------------------------------------------------------------------------------


async def _existing(
    session: AsyncSession, actor: Actor, owner: UUID, name: str, *, locking: bool
) -> DashboardView | None:
    from sqlalchemy import select

    from datapulse_tui.data.models.dashboards import Dashboard

    statement = select(Dashboard.id).where(Dashboard.user_id == owner, Dashboard.name == name)
    found_id = await session.scalar(statement.with_for_update() if locking else statement)
    return await get_dashboard(session, actor, found_id) if found_id is not None else None


def _require_rights(actor: Actor, owner: UUID, existing: DashboardView | None) -> None:
    if existing is None:
        actor.require(rules.CREATE, "make dashboards")
        if owner != actor.user_id:
            actor.require(rules.MANAGE, "make dashboards for somebody else")
    elif not existing.permission.may_edit:
        raise NotAllowed(
            f"You may not change the dashboard {existing.name!r}. Nothing was changed.",
            hint=f"Ask its owner {existing.owner_email} to share it with you for editing.",
        )


def _require_administering(actor: Actor, existing: DashboardView | None, before: Document, after: Document) -> None:
    """Publishing and sharing need more than editing does."""
    if after.get("public") and not before.get("public"):
        require_publish(actor)
    changed = [field for field in ("public", "shares") if before.get(field) != after.get(field)]
    if not changed:
        return
    if existing is not None and not existing.permission.may_administer:
        raise NotAllowed(
            f"You may change the widgets of {existing.name!r}, but not {' and '.join(changed)}. Nothing was changed.",
            hint=f"Leave that out of the file, or ask its owner {existing.owner_email}.",
        )
    if "shares" in changed:
        actor.require(rules.SHARE, "share dashboards")


async def _people_to_share_with(
    session: AsyncSession, document: DashboardDoc, owner: UUID, problems: list[Problem]
) -> Mapping[str, UUID]:
    """Ids by address; what is wrong with the shares is added to `problems`."""
    from sqlalchemy import select

    from datapulse_tui.data.models.people import User

    if not document.shares:
        return {}
    wanted = [share.email for share in document.shares]
    rows = await session.execute(select(User.email, User.id).where(User.email.in_(wanted), User.status != "inactive"))
    people: dict[str, UUID] = {row.email: row.id for row in rows}
    for index, email in enumerate(wanted):
        if email not in people:
            problems.append(Problem(("shares", index, "email"), f"found {found(email)}, expected somebody's address"))
        elif people[email] == owner:
            problems.append(Problem(("shares", index, "email"), f"found the owner {found(email)}, expected others"))
    return people


# -- sources and SQL ---------------------------------------------------------------------------------------------------


def _queries(document: DashboardDoc) -> list[tuple[Path, str, str]]:
    """Every query: the path of what names it, its source and its SQL."""
    queries: list[tuple[Path, str, str]] = []
    for index, variable in enumerate(document.variables):
        if isinstance(variable.options, OptionsQuery):
            queries.append((("variables", index, "options"), variable.options.source, variable.options.query))
    for index, widget in enumerate(document.widgets):
        if widget.source is not None and widget.query is not None:
            queries.append((("widgets", index), widget.source, widget.query))
    return queries


async def _checked_sources(
    session: AsyncSession,
    actor: Actor,
    document: DashboardDoc,
    existing: DashboardView | None,
    problems: list[Problem],
) -> Mapping[str, UUID]:
    """Ids of the sources by name; what is wrong with the queries is added to `problems`.

    SQL that the dashboard had already is not judged again.
    """
    queries = _queries(document)
    sources = await _sources(session, actor, {source for _, source, _ in queries})
    kept: set[tuple[str, str]] = set()
    if existing is not None:
        kept = {(each.source_name, each.query) for each in existing.widgets}
        kept |= {(each.source_name, each.query) for each in existing.variables if each.query}
    names = frozenset(variable.name for variable in document.variables)
    for path, source, sql in queries:
        about = sources.get(source)
        if about is None or not (about.granted or (source, sql) in kept):
            yours = ", ".join(sorted(name for name, each in sources.items() if each.granted)) or "none of them"
            message = f"found {found(source)}, expected a source that you may query (here: {yours})"
            problems.append(Problem((*path, "source"), message))
            continue
        fresh = (source, sql) not in kept
        message = await asyncio.to_thread(_sql_problem, sql, about.policy, names, path[0] == "widgets", fresh=fresh)
        if message:
            problems.append(Problem((*path, "query"), message))
    return {name: each.id for name, each in sources.items()}


async def _sources(session: AsyncSession, actor: Actor, wanted: set[str]) -> Mapping[str, _Source]:
    from sqlalchemy import select

    from datapulse_tui.data.models.sources import DataSource, DataSourceGrant
    from datapulse_tui.sources.guard import Policy
    from datapulse_tui.sources.rules import may_query

    if not wanted:
        return {}
    mine = (DataSourceGrant.data_source_id == DataSource.id) & (DataSourceGrant.user_id == actor.user_id)
    rows = await session.execute(
        select(DataSource.id, DataSource.name, DataSource.type, DataSource.connection_config, DataSourceGrant.user_id)
        .outerjoin(DataSourceGrant, mine)
        .where(DataSource.name.in_(wanted))
    )
    return {
        row.name: _Source(
            row.id,
            Policy(
                "postgres" if row.type == "postgresql" else "duckdb",
                frozenset(row.connection_config.get("allowed_functions", ())),
            ),
            may_query(actor, granted=row.user_id is not None),
        )
        for row in rows
    }


def _sql_problem(sql: str, policy: Policy, variables: frozenset[str], in_widget: bool, *, fresh: bool) -> str:  # noqa: FBT001
    """What is wrong with the SQL; empty when nothing is."""
    from datapulse_tui.sources import guard

    try:
        checked = guard.check(sql, policy)
    except Invalid as error:
        return str(error) if fresh else ""
    known = RESERVED | (variables if in_widget else frozenset())
    unknown = [name for name in checked.names if name not in known]
    if not unknown:
        return ""
    listed = ", ".join(f":{name}" for name in sorted(known))
    return f"found the parameter :{unknown[0]}, expected one of {listed}"


async def _tell(
    session: AsyncSession, actor: Actor, dashboard_id: UUID, before: Document | None, after: Document
) -> None:
    from datapulse_tui.audit.service import record
    from datapulse_tui.data.feed import emit

    action = "dashboard.created" if before is None else "dashboard.updated"
    await record(session, actor, action, "dashboard", dashboard_id, before, after)
    await emit(session, TOPIC, dashboard_id)


# -- what changed, in words --------------------------------------------------------------------------------------------


def _changes(before: Document, after: Document) -> tuple[str, ...]:
    lines = [
        _change(field, before.get(field), after.get(field))
        for field in ("description", "public", "refresh", "time_range", "variables", "shares")
        if before.get(field) != after.get(field)
    ]
    old, new = _by_title(before), _by_title(after)
    lines += [f"widget {title!r} added" for title in new if title not in old]
    lines += [f"widget {title!r} changed" for title in new if title in old and new[title] != old[title]]
    lines += [f"widget {title!r} removed" for title in old if title not in new]
    return tuple(lines)


def _change(field: str, old: object, new: object) -> str:
    if old is None:
        return f"{field} added" if isinstance(new, list) else f"{field} set to {found(new)}"
    if new is None:
        return f"{field} removed"
    short = field != "description" and not isinstance(new, list)
    return f"{field}: {found(old)} -> {found(new)}" if short else f"{field} changed"


def _by_title(document: Document) -> dict[str, list[object]]:
    titles: dict[str, list[object]] = {}
    widgets = document.get("widgets")
    for widget in widgets if isinstance(widgets, list) else ():
        if isinstance(widget, dict):
            titles.setdefault(str(widget["title"]), []).append(widget)
    return titles
