"""Who may change a rule, whose it becomes, and that nobody overwrites what they have not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.alerts.reads.rules import RuleDetail, may_change, missing, read_rules
from datapulse_tui.alerts.rules import CREATE, MANAGE
from datapulse_tui.alerts.service.rules_resolving import owner_actor
from datapulse_tui.alerts.service.rules_writing import RESOURCE
from datapulse_tui.errors import Conflict, Invalid, NotAllowed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.alerts.spec import RuleSpec
    from datapulse_tui.audit.actor import Actor


async def owner_to_be(session: AsyncSession, actor: Actor, owner_id: UUID | None) -> Actor:
    """Whose rule it becomes, as an actor. Raises NotAllowed, Invalid for an operator who names nobody."""
    actor.require(CREATE, "make alert rules")
    wanted = owner_id or actor.user_id
    if wanted is None:
        raise Invalid(
            "A rule belongs to a person, and you act as none. Nothing was changed.",
            hint="Say who owns it with --owner EMAIL, or act as them: datapulse --as EMAIL alert rule ...",
        )
    if wanted != actor.user_id:
        actor.require(MANAGE, "make alert rules for somebody else")
    return await owner_actor(session, actor, wanted)


async def owner_for_edit(session: AsyncSession, actor: Actor, before: RuleDetail, spec: RuleSpec) -> Actor:
    """The owner as an actor. An edit that leaves the query alone is possible for an owner who is gone, too."""
    from datapulse_tui.audit.actor import Actor as Person

    try:
        return await owner_actor(session, actor, before.row.owner.id)
    except Invalid:
        if spec.active and not before.spec.active:
            raise
        owner = before.row.owner
        return Person(owner.id, owner.name, email=owner.email)


async def locked(
    session: AsyncSession, actor: Actor, alert_id: UUID, what: str, version: int | None = None
) -> RuleDetail:
    """The rule, locked until the transaction ends, for an actor who may change it. Raises NotFound, NotAllowed,
    Conflict."""
    from datapulse_tui.alerts.episodes import lock_rules

    await lock_rules(session, [alert_id])
    found = await read_rules(session, actor, ids=[alert_id])
    if not found:
        raise missing()
    require_change(actor, found[0], what)
    if version is not None and version != found[0].row.version:
        raise await _changed_by(session, found[0])
    return found[0]


async def _changed_by(session: AsyncSession, detail: RuleDetail) -> Conflict:
    from datapulse_tui.data.glance import fetch

    rows = await fetch(
        session,
        "SELECT coalesce(u.name, l.actor, 'somebody') AS who, l.created_at AS at FROM audit_logs l "
        "LEFT JOIN users u ON u.id = l.user_id WHERE l.resource_type = :kind AND l.resource_id = :id "
        "ORDER BY l.seq DESC LIMIT 1",
        {"kind": RESOURCE, "id": detail.row.id},
    )
    who, at = (rows[0].who, rows[0].at) if rows else ("somebody", detail.updated_at)
    return Conflict(
        f"The rule {detail.row.name} was changed by {who} at {at:%Y-%m-%d %H:%M:%S %Z}, after you opened it. "
        "Your change was not saved.",
        hint="Open it again, look at what is there now, and repeat your change.",
    )


def require_change(actor: Actor, detail: RuleDetail, what: str) -> None:
    """Raise NotAllowed unless the actor may change the rule; `what` completes "You may not ..."."""
    if not may_change(actor, detail.row.owner.id):
        raise NotAllowed(
            f"You may not {what}: only its owner {detail.row.owner.name} and administrators may. Nothing was changed.",
            hint=f"Ask {detail.row.owner.email}.",
        )
