"""What changes alert rules. Each verb checks the right, locks, writes, records and tells the desks, in the caller's
transaction.

A rule runs with the rights of its owner, who is active and may query its source when the rule is made, is resumed, gets
another query or changes hands. An edit of the condition makes its series start again from normal and closes its open
incidents; an edit of anything else resets nothing.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.alerts.reads.rules import RuleDetail, missing, read_rules
from datapulse_tui.alerts.rules import MANAGE
from datapulse_tui.alerts.schemas import RuleSpec, check, plain
from datapulse_tui.alerts.service import rules_writing as writing
from datapulse_tui.alerts.service.rules_resolving import (
    Resolved,
    name_taken,
    owner_actor,
    require_query_rights,
    resolve,
    save_planned,
)
from datapulse_tui.alerts.service.rules_rights import locked, owner_for_edit, owner_to_be
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor


async def create(session: AsyncSession, actor: Actor, spec: RuleSpec, *, owner_id: UUID | None = None) -> UUID:
    """Make a rule of `owner_id` (default: the actor) and return its id; SQL in it is saved as the owner's query.

    An active rule is evaluated within a minute. Raises NotAllowed, InvalidRule, Conflict when the owner has a living
    rule of that name.
    """
    owner = await owner_to_be(session, actor, owner_id)
    spec = check(plain(spec))
    resolved = await resolve(session, actor, owner, spec)
    query_id = await save_planned(session, owner, resolved.query)
    values = writing.columns(spec, query_id, resolved)
    return await _insert(session, actor, owner, values, "alert.created", active=spec.active)


async def update(session: AsyncSession, actor: Actor, alert_id: UUID, version: int, spec: RuleSpec) -> int:
    """Make a rule what `spec` says and return its version; nothing is written when it says that already.

    `version` is the one that the person saw: Conflict says who changed the rule since, and when. Raises NotFound,
    NotAllowed, InvalidRule.
    """
    before = await locked(session, actor, alert_id, "change this rule", version)
    spec = check(plain(spec))
    stored = await writing.stored_columns(session, alert_id)
    owner, resolved = await _resolved(session, actor, before, stored, spec)
    query_id = await save_planned(session, owner, resolved.query)
    values = {**writing.columns(spec, query_id, resolved), "is_active": spec.active}
    different = {name: value for name, value in values.items() if stored[name] != value}
    if not different:
        return before.row.version
    changed = writing.condition_changes(stored, values)
    await _write(session, before, {**different, **_next_condition(changed)})
    if changed:
        await writing.start_again(session, actor, alert_id, changed)
    if not spec.active:
        if before.spec.active:
            await writing.rest(session, actor, alert_id, writing.RULE_PAUSED)
    elif changed or not before.spec.active or stored["interval_seconds"] != spec.interval:
        anew = bool(changed) or not before.spec.active
        await writing.schedule(session, alert_id, query_id, spec.interval, anew=anew)
    note: dict[str, object] | None = {"condition": sorted(changed)} if changed else None
    await _finish(session, actor, "alert.updated", before, note)
    return before.row.version + 1


async def copy(session: AsyncSession, actor: Actor, alert_id: UUID, *, name: str = "") -> UUID:
    """Make a paused copy of a rule that the actor may see, in the actor's name (an operator's stays the owner's).

    Without `name` it is called like the rule with `(copy)` behind. Raises NotFound, NotAllowed, Conflict.
    """
    found = await read_rules(session, actor, ids=[alert_id])
    if not found:
        raise missing()
    original = found[0]
    owner = await owner_to_be(session, actor, actor.user_id or original.row.owner.id)
    if original.source_id is None:
        raise Invalid("The source of this rule's query was deleted, so it cannot be copied. Nothing was changed.")
    await require_query_rights(session, actor, owner, original.source_id)
    stored = await writing.stored_columns(session, alert_id)
    values = {field: stored[field] for field in _COPIED}
    values["name"] = name.strip() or await _free_name(session, owner, original.row.name)
    if not 1 <= len(values["name"]) <= 255 or not values["name"].isprintable():
        raise Invalid("A rule needs a name of 1 to 255 characters on one line. Nothing was changed.")
    return await _insert(session, actor, owner, values, "alert.created", active=False, note={"copy_of": alert_id})


async def pause(session: AsyncSession, actor: Actor, alert_id: UUID, *, version: int | None = None) -> bool:
    """Stop watching; open incidents close with the reason rule_paused. False when the rule rested already.

    Raises NotFound, NotAllowed, Conflict when `version` is given and no longer the rule's.
    """
    before = await locked(session, actor, alert_id, "pause this rule", version)
    if not before.spec.active:
        return False
    await _write(session, before, {"is_active": False})
    await writing.rest(session, actor, alert_id, writing.RULE_PAUSED)
    await _finish(session, actor, "alert.paused", before)
    return True


async def resume(session: AsyncSession, actor: Actor, alert_id: UUID, *, version: int | None = None) -> bool:
    """Watch again, from normal; False when the rule was watched already. Raises what `pause` raises, Invalid."""
    before = await locked(session, actor, alert_id, "resume this rule", version)
    if before.spec.active:
        return False
    await _require_runnable(session, actor, before, before.row.owner.id)
    await _write(session, before, {"is_active": True})
    await writing.schedule(session, alert_id, before.query_id, before.spec.interval)
    await _finish(session, actor, "alert.resumed", before)
    return True


async def archive(session: AsyncSession, actor: Actor, alert_id: UUID, *, version: int | None = None) -> str:
    """Delete a rule, as people say, and return its name: it keeps its history and is shown nowhere else.

    Open incidents close with the reason rule_archived. Raises what `pause` raises.
    """
    from sqlalchemy import func

    before = await locked(session, actor, alert_id, "delete this rule", version)
    await _write(session, before, {"is_active": False, "status": "inactive", "archived_at": func.now()})
    await writing.rest(session, actor, alert_id, writing.RULE_ARCHIVED)
    await writing.end_snoozes(session, actor, alert_id)
    await writing.tell(session, actor, "alert.archived", alert_id, before, gone=True)
    return before.row.name


async def set_owner(
    session: AsyncSession, actor: Actor, alert_id: UUID, owner_id: UUID, *, version: int | None = None
) -> bool:
    """Give a rule to somebody else, in whose name it runs from now on; False when it is theirs already.

    Needs `alert:manage`: it makes somebody's rights run this rule. Nothing is reset. Raises NotFound, NotAllowed,
    Invalid, Conflict.
    """
    actor.require(MANAGE, "give a rule to another owner")
    before = await locked(session, actor, alert_id, "give away this rule", version)
    if before.row.owner.id == owner_id:
        return False
    owner = await _require_runnable(session, actor, before, owner_id)
    if not await writing.update_rule(session, alert_id, {"user_id": owner_id}):
        raise name_taken(before.row.name, owner.label)
    await _finish(session, actor, "alert.owner_set", before)
    return True


# -- inside ------------------------------------------------------------------------------------------------------------

_COPIED = (
    "description", "metric_id", "metric", "label_columns", "threshold_type", "threshold_value", "recovery_value",
    "for_seconds", "keep_firing_seconds", "interval_seconds", "window_seconds", "no_data_policy", "error_policy",
    "severity", "labels", "runbook_url", "message", "channels", "frequency", "group_wait_seconds",
    "group_interval_seconds", "repeat_interval_seconds", "escalate_after_seconds", "escalation_channels",
)  # fmt: skip


async def _resolved(
    session: AsyncSession, actor: Actor, before: RuleDetail, stored: dict[str, Any], spec: RuleSpec
) -> tuple[Actor, Resolved]:
    """The rule's owner as an actor and what `spec` names, found and checked."""
    owner = await owner_for_edit(session, actor, before, spec)
    kept = {term for each in _channels(stored) for term in each.get("to", ())}
    kept |= {f"channel:{each['channel']}" for each in _channels(stored) if each.get("channel")}
    resolved = await resolve(session, actor, owner, spec, current_query=before.query_id, kept=kept)
    if spec.active and not before.spec.active:
        await require_query_rights(session, actor, owner, resolved.query.source_id)
    return owner, resolved


async def _insert(
    session: AsyncSession,
    actor: Actor,
    owner: Actor,
    values: dict[str, Any],
    action: str,
    *,
    active: bool,
    note: dict[str, object] | None = None,
) -> UUID:
    assert owner.user_id is not None
    made = await writing.insert_rule(session, owner.user_id, values, active=active)
    if made is None:
        raise name_taken(values["name"], owner.label)
    await writing.tell(session, actor, action, made, None, note=note)
    return made


async def _write(session: AsyncSession, before: RuleDetail, values: dict[str, Any]) -> None:
    if not await writing.update_rule(session, before.row.id, values):
        raise name_taken(values["name"], before.row.owner.name)


async def _finish(
    session: AsyncSession, actor: Actor, action: str, before: RuleDetail, note: dict[str, object] | None = None
) -> None:
    from datapulse_tui.alerts.episodes import refresh_status

    await refresh_status(session, [before.row.id])
    await writing.tell(session, actor, action, before.row.id, before, note=note)


async def _require_runnable(session: AsyncSession, actor: Actor, detail: RuleDetail, owner_id: UUID) -> Actor:
    owner = await owner_actor(session, actor, owner_id)
    if detail.source_id is None:
        raise Invalid(
            "The source of this rule's query was deleted, so it cannot be watched. Nothing was changed.",
            hint="Give the rule another query first.",
        )
    await require_query_rights(session, actor, owner, detail.source_id)
    return owner


def _channels(stored: dict[str, Any]) -> list[dict[str, Any]]:
    return [*stored["channels"], *stored["escalation_channels"]]


def _next_condition(changed: frozenset[str]) -> dict[str, Any]:
    from datapulse_tui.data.models.alerts import Alert

    return {"condition_version": Alert.condition_version + 1} if changed else {}


async def _free_name(session: AsyncSession, owner: Actor, name: str) -> str:
    from sqlalchemy import select

    from datapulse_tui.data.models.alerts import Alert

    statement = select(Alert.name).where(Alert.user_id == owner.user_id, Alert.archived_at.is_(None))
    taken = set(await session.scalars(statement))
    endings = itertools.chain([" (copy)"], (f" (copy {number})" for number in itertools.count(2)))
    return next(wanted for ending in endings if (wanted := name[: 255 - len(ending)] + ending) not in taken)
