"""Carrying out rules as code: what differs is checked, written and recorded, and what does not is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from datapulse_tui.alerts.as_code import InvalidFile, LoadedRule, differences
from datapulse_tui.alerts.plain import Value, plain, plain_detail, plain_query
from datapulse_tui.alerts.schemas import InvalidRule, QuerySpec, RuleSpec
from datapulse_tui.alerts.service import rules as service
from datapulse_tui.alerts.service import rules_writing as writing
from datapulse_tui.alerts.service.rules_rights import require_change
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.alerts.reads.rules import RuleDetail
    from datapulse_tui.audit.actor import Actor

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying one rule did, or with `dry_run` would do. `id` is None for one that was not made."""

    id: UUID | None
    name: str
    owner: str
    outcome: Outcome
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Owner:
    id: UUID
    email: str


async def apply_all(
    session: AsyncSession,
    actor: Actor,
    loaded: Sequence[LoadedRule],
    *,
    owner_email: str = "",
    dry_run: bool = False,
) -> list[Applied]:
    """Make the rules what a file says, in one transaction: all of them or, when anything is wrong, none.

    A rule is found by its name among those of its owner: the file's `owner`, else `owner_email`, else the actor. A
    `dry_run` does the same and takes it all back, so that it says what would happen. Raises InvalidFile with every slip
    and its line, NotAllowed, Conflict.
    """
    owners = await _owners(session, actor, loaded, owner_email)
    if not dry_run:
        return await _all(session, actor, loaded, owners)
    trial = await session.begin_nested()
    try:
        applied = await _all(session, actor, loaded, owners)
    finally:
        await trial.rollback()
    return [replace(each, id=None) if each.outcome == "created" else each for each in applied]


async def _all(
    session: AsyncSession, actor: Actor, loaded: Sequence[LoadedRule], owners: Sequence[_Owner]
) -> list[Applied]:
    existing = await _existing(session, loaded, owners)
    applied: dict[int, Applied] = {}
    slips: list[str] = []
    saved: dict[tuple[UUID, str], tuple[str, str]] = {}
    # Rules that bring SQL come first: others may name the queries that they save, wherever they stand in the file.
    for each, owner in sorted(zip(loaded, owners, strict=True), key=lambda pair: not _brings_sql(pair[0].spec)):
        try:
            _require_one_text(each, owner.id, saved)
            before = existing.get((owner.id, each.spec.name))
            applied[each.index] = await _apply(session, actor, each.spec, owner, before)
        except InvalidRule as error:
            slips += each.locate(error.problems)
        except DataPulseError as error:
            raise _about(each, error) from error
    if slips:
        raise InvalidFile(slips)
    return [applied[each.index] for each in loaded]


async def _apply(
    session: AsyncSession, actor: Actor, spec: RuleSpec, owner: _Owner, before: RuleDetail | None
) -> Applied:
    if before is None:
        made = await service.create(session, actor, spec, owner_id=owner.id)
        lines = differences({"name": spec.name}, plain(spec))
        return Applied(made, spec.name, owner.email, "created", lines)
    require_change(actor, before, f"change the rule {before.row.name}")
    if _same(spec, before):
        return Applied(before.row.id, spec.name, owner.email, "unchanged", ())
    version = await service.update(session, actor, before.row.id, before.row.version, spec)
    after = await writing.now_of(session, before.row.id)
    if version == before.row.version and after.query_sql == before.query_sql:
        return Applied(before.row.id, spec.name, owner.email, "unchanged", ())
    inline = _brings_sql(spec)
    was, now = (plain(each.spec, plain_query(each, inline=inline)) for each in (before, after))
    return Applied(before.row.id, spec.name, owner.email, "updated", differences(was, now))


def _brings_sql(spec: RuleSpec) -> bool:
    return isinstance(spec.query, QuerySpec) and spec.query.sql is not None


def _same(spec: RuleSpec, before: RuleDetail) -> bool:
    """Whether the file says what is there, word for word: then nothing has to be looked up."""
    written = plain(spec)
    forms: list[Value] = [plain_query(before), plain_query(before, inline=True)]
    return written["query"] in forms and {**written, "query": None} == {**plain_detail(before), "query": None}


def _require_one_text(each: LoadedRule, owner_id: UUID, saved: dict[tuple[UUID, str], tuple[str, str]]) -> None:
    """Rules of one file that write a saved query of one name write the same: the order must not matter."""
    from datapulse_tui.dashboards.checking import Problem

    query = each.spec.query
    if not isinstance(query, QuerySpec) or query.sql is None:
        return
    key, text = (owner_id, query.name or each.spec.name), (query.source or "", query.sql)
    if saved.setdefault(key, text) != text:
        message = f"found another text for the query {key[1]} than earlier in this file, expected the same"
        raise InvalidRule([Problem(("query", "sql"), message)])


def _about(each: LoadedRule, error: DataPulseError) -> DataPulseError:
    """`error` with the line of the rule that it is about; what is about none (the database is away) stays."""
    if type(error) not in (NotAllowed, NotFound, Invalid, Conflict):
        return error
    line = each.yaml.line_of(("rules", each.index, "name"))
    return type(error)(f"{each.file}:{line}: {each.spec.name}: {error.message}", hint=error.hint)


async def _owners(session: AsyncSession, actor: Actor, loaded: Sequence[LoadedRule], owner_email: str) -> list[_Owner]:
    from datapulse_tui.dashboards.checking import Problem, found
    from datapulse_tui.data.glance import fetch

    asked = owner_email.strip().lower()
    emails = {each.owner or asked for each in loaded} - {""}
    rows = await fetch(
        session, "SELECT id, email FROM users WHERE email = ANY(CAST(:emails AS text[]))", {"emails": sorted(emails)}
    )
    known = {row.email: _Owner(row.id, row.email) for row in rows}
    mine = None if actor.user_id is None else _Owner(actor.user_id, actor.email)
    if asked and asked not in known:
        raise NotFound(f"There is nobody with the address {asked[:80]}. Nothing was changed.", hint="Check it.")
    slips: list[str] = []
    found_owners: list[_Owner] = []
    for each in loaded:
        email = each.owner or asked
        owner = known.get(email) if email else mine
        if owner is not None:
            found_owners.append(owner)
        elif email:
            slips += each.locate([Problem(("owner",), f"found {found(email)}, expected somebody's address")])
        else:
            raise Invalid(
                "A rule belongs to a person, and you act as none. Nothing was changed.",
                hint="Say who owns it with --owner EMAIL or owner: in the file, or act as them with --as EMAIL.",
            )
    if slips:
        raise InvalidFile(slips)
    return found_owners


async def _existing(
    session: AsyncSession, loaded: Sequence[LoadedRule], owners: Sequence[_Owner]
) -> dict[tuple[UUID, str], RuleDetail]:
    """The rules that are there already, by owner and name; locked in one order, so that two files wait in turn."""
    from datapulse_tui.alerts.episodes import SYSTEM, lock_rules
    from datapulse_tui.alerts.reads.rules import read_rules
    from datapulse_tui.data.glance import fetch

    rows = await fetch(
        session,
        "SELECT a.id FROM alerts a JOIN unnest(CAST(:owners AS uuid[]), CAST(:names AS text[])) AS w(owner, name) "
        "ON a.user_id = w.owner AND a.name = w.name WHERE a.archived_at IS NULL",
        {"owners": [each.id for each in owners], "names": [each.spec.name for each in loaded]},
    )
    ids = [row.id for row in rows]
    await lock_rules(session, ids)
    details = await read_rules(session, SYSTEM, ids=ids)
    return {(each.row.owner.id, each.row.name): each for each in details}
