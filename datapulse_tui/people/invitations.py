"""Invitations: a code, good for a day, with which a person chooses their first password.

Only the hash of the code is kept. It is returned once, to be read out, and goes by mail where there is a channel for
it: in the outbox the text of that mail is sealed with the installation's key, and opened when it is sent.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.errors import Conflict, Invalid
from datapulse_tui.people import codes, passwords, rules
from datapulse_tui.people.attempts import SignInFailed, forgive, note_failure, write_down
from datapulse_tui.people.holding import locked, must_cover, my_turn
from datapulse_tui.people.rules import Role, Status

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.models.people import User
    from datapulse_tui.people.attempts import Attempt

HOURS = 24
NOT_SENT = "the invitation was taken back"

_WRITE = """
INSERT INTO invitations (user_id, code_hash, created_by, expires_at)
VALUES (:person, :digest, :by, now() + make_interval(hours => :hours)) RETURNING id, expires_at
"""
_CLOSE = """
UPDATE invitations SET revoked_at = now()
WHERE user_id = :person AND accepted_at IS NULL AND revoked_at IS NULL RETURNING id, expires_at > now() AS good
"""
_HOLD = "SELECT name, email, status FROM users WHERE id = :person FOR NO KEY UPDATE"
_ACCEPT = """
UPDATE invitations SET accepted_at = now()
WHERE user_id = :person AND code_hash = :digest AND accepted_at IS NULL AND revoked_at IS NULL
  AND expires_at > clock_timestamp() RETURNING id
"""
_SET = """
UPDATE users SET password = :password, status = 'active', must_change_password = false, password_changed_at = now(),
    deactivated_at = NULL, last_login = now(), updated_at = now()
WHERE id = :person
"""


class InvitationFailed(SignInFailed):
    """The address or the code is wrong, or the invitation has ended; which of them is not said."""


@dataclass(frozen=True, slots=True, repr=False)
class Invited:
    """An invitation that was made. `code` (`7K2M-Q4TD-09WX-ABCD`) is shown once and kept nowhere; `mailed` says
    whether a mail with it is on its way."""

    user_id: UUID
    code: str
    expires_at: datetime
    mailed: bool

    def __repr__(self) -> str:
        return f"Invited(user_id={self.user_id!r}, expires_at={self.expires_at!r}, mailed={self.mailed!r})"


async def invite(
    session: AsyncSession,
    actor: Actor,
    *,
    email: str,
    name: str,
    role: str,
    department_id: UUID | None = None,
    timezone: str = "UTC",
    mail: bool = True,
) -> Invited:
    """Add a person who waits, and invite them; accepting activates the account.

    With `mail` the code goes to their address as well, where there is a default e-mail channel. Raises NotAllowed
    without `user:create` and `user:activate`, or when the role may do what the actor may not; Conflict when the address
    is taken; NotFound for a department that is not there; Invalid.
    """
    from datapulse_tui.people.service.common import built_in_role, insert_user

    given: Role = built_in_role(role)
    _may_invite(actor)
    actor = await my_turn(session, actor)
    _may_invite(actor)
    must_cover(actor, rules.effective_permissions(given), f"give the role {given}")
    user_id = await insert_user(
        session,
        actor,
        email=email,
        name=name,
        role=given,
        status=Status.PENDING,
        password=rules.NO_PASSWORD,
        timezone=timezone,
        department_id=department_id,
    )
    return await _invite(session, actor, await locked(session, actor, user_id), mail=mail)


async def invite_again(session: AsyncSession, actor: Actor, user_id: UUID, *, mail: bool = True) -> Invited:
    """Invite a person who has no password yet; a code that they were given before is worth nothing any more.

    Somebody who was deactivated before they ever had a password waits again. Raises NotAllowed (also for a person who
    may do what the actor may not), NotFound, Conflict when they have a password.
    """
    from datapulse_tui.people.service.common import change

    _may_invite(actor)
    user = await locked(session, actor, user_id)
    if user.password != rules.NO_PASSWORD:
        hint = "Reset the password instead." if user.status == Status.ACTIVE else "Activate the account instead."
        raise Conflict(f"{user.name} has a password already, so no invitation was made.", hint=hint)
    if user.status == Status.INACTIVE:
        user.deactivated_at = None
        await change(session, actor, user, "user.updated", {"status": Status.PENDING.value})
    return await _invite(session, actor, user, mail=mail)


async def revoke_invitation(session: AsyncSession, actor: Actor, user_id: UUID) -> None:
    """Take a person's invitation back; the account stays and waits.

    Raises NotAllowed without `user:create` (also for a person who may do what the actor may not), NotFound, Conflict
    when they have no invitation that is good.
    """
    actor.require("user:create", "take invitations back")
    user = await locked(session, actor, user_id)
    if not await close(session, actor, user.id):
        raise Conflict(f"{user.name} has no invitation that could be taken back. Nothing was changed.")


async def accept(
    data: Database,
    email: str,
    code: str,
    password: str,
    *,
    ip: str | None = None,
    user_agent: str | None = None,
    kind: str | None = None,
) -> Actor:
    """Choose the first password with an invitation's code; the person as an actor, with a session of `kind`.

    Guessing waits like guessing passwords does. Raises Invalid for a password that cannot be used, InvitationFailed
    when address or code is wrong or the invitation has ended (taken back, accepted, older than a day), SignInDelayed,
    and Unavailable. Of two who accept at once one comes in.
    """
    rules.check_new_password(password, email=email.strip())
    try:
        digest = codes.digest(codes.canonical(code))
    except Invalid:
        digest = b""  # no invitation has it, and it is counted like any other guess
    attempt = await write_down(data, email, ip)
    hashed = await passwords.hash_password(password)  # whatever comes of it: the time tells nothing
    actor = None
    if attempt.user_id is not None:
        try:
            actor = await _accept(data, attempt, attempt.user_id, digest, password, hashed, ip, user_agent, kind)
        except Invalid:  # the password is the person's name; the code was right, so it was no guess
            async with data.transaction() as session:
                await forgive(session, attempt)
            raise
    if actor is None:
        await note_failure(data, attempt, "wrong or ended invitation", ip, user_agent)
        raise InvitationFailed(
            "The address or the code is wrong, or the invitation has ended.",
            hint="Check both. An invitation is good for 24 hours; an administrator can make a new one.",
        )
    return actor


async def close(session: AsyncSession, actor: Actor, user_id: UUID) -> bool:
    """End a person's invitation if there is one, and do not mail what is not mailed yet; whether it was still good.

    Asks for no right: for services that hold the person's row and have decided it.
    """
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data import feed
    from datapulse_tui.notify.service import withdraw
    from datapulse_tui.people.service.common import TOPIC

    row = (await session.execute(text(_CLOSE), {"person": user_id})).one_or_none()
    if row is None:
        return False
    await withdraw(session, [_mail_key(row.id)], NOT_SENT)
    if row.good:
        await record(session, actor, "user.invitation_revoked", "user", user_id)
        await feed.emit(session, TOPIC, user_id)
    return bool(row.good)


# -- inside ------------------------------------------------------------------------------------------------------------


def _may_invite(actor: Actor) -> None:
    actor.require("user:create", "invite people")
    actor.require("user:activate", "invite people, which activates their accounts")


def _mail_key(invitation_id: UUID) -> str:
    return f"invitation:{invitation_id}"


async def _invite(session: AsyncSession, actor: Actor, user: User, *, mail: bool) -> Invited:
    """Put a new invitation in the place of an older one."""
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data import feed
    from datapulse_tui.people.service.common import TOPIC

    await close(session, actor, user.id)
    code = codes.new_code()
    values = {"person": user.id, "digest": codes.digest(code), "by": actor.user_id, "hours": HOURS}
    made = (await session.execute(text(_WRITE), values)).one()
    mailed = mail and await _mail(session, actor, user, made.id, code, made.expires_at)
    note = {"email": user.email, "role": user.role, "expires_at": made.expires_at, "mailed": mailed}
    await record(session, actor, "user.invited", "user", user.id, note=note)
    await feed.emit(session, TOPIC, user.id)
    return Invited(user.id, codes.shown(code), made.expires_at, mailed)


async def _mail(
    session: AsyncSession, actor: Actor, user: User, invitation_id: UUID, code: str, expires_at: datetime
) -> bool:
    """Queue the mail; False where there is no channel or no key to seal it with."""
    from zoneinfo import ZoneInfo

    from datapulse_tui.data.database import box_of
    from datapulse_tui.notify.intents import Intent
    from datapulse_tui.notify.service import has_channel, queue

    box = box_of(session)
    if box is None or not await has_channel(session, "email"):
        return False
    zone = user.timezone or "UTC"
    until = expires_at.astimezone(ZoneInfo(zone))
    lines = (
        f"Hello {user.name},",
        "",
        f"{actor.label} invites you to DataPulse. Your address there is {user.email}, and this is your code:",
        "",
        f"    {codes.shown(code)}",
        "",
        "Open the desk, choose “I have an invitation” at the sign-in, and type the code with a password of your own.",
        f"Or run: datapulse accept {user.email}",
        "",
        f"The code is good once, until {until:%Y-%m-%d %H:%M %Z}. If you did not expect this, do nothing.",
    )
    facts = {"rule": "DataPulse", "title": "You are invited to DataPulse", "text": "\n".join(lines)}
    sealed = await asyncio.to_thread(box.seal, facts, frozenset({"text"}))
    intent = Intent(
        key=_mail_key(invitation_id),
        kind="message",
        channel_type="email",
        channel_id=None,
        address=user.email,
        user_id=None,  # deliveries to people wait for an active account, which this one is not yet
        zone=zone,
        group_key=_mail_key(invitation_id),
        incident_id=None,
        alert_id=None,
        payload=sealed,
    )
    return await queue(session, [intent]) == 1


async def _accept(
    data: Database,
    attempt: Attempt,
    user_id: UUID,
    digest: bytes,
    password: str,
    hashed: str,
    ip: str | None,
    user_agent: str | None,
    kind: str | None,
) -> Actor | None:
    """Take the invitation, if it is good: whoever has the person's row decides, and the next one finds it taken."""
    from sqlalchemy import text

    from datapulse_tui.audit.service import record
    from datapulse_tui.data import feed
    from datapulse_tui.people import sessions
    from datapulse_tui.people.actors import actor_for
    from datapulse_tui.people.service.common import TOPIC

    async with data.transaction() as session:
        person = (await session.execute(text(_HOLD), {"person": user_id})).one()
        taken = await session.scalar(text(_ACCEPT), {"person": user_id, "digest": digest})
        if taken is None or person.status == Status.INACTIVE:
            return None
        rules.check_new_password(password, email=person.email, name=person.name)
        await forgive(session, attempt)
        await session.execute(text(_SET), {"person": user_id, "password": hashed})
        actor = await actor_for(session, user_id, ip_address=ip, user_agent=user_agent)
        before, after = {"status": person.status}, {"status": Status.ACTIVE.value}
        await record(session, actor, "user.invitation_accepted", "user", user_id, before, after)
        if kind is not None:
            actor = replace(actor, session_id=await sessions.begin(session, actor, kind=kind))
        await feed.emit(session, TOPIC, user_id)
        return actor
