"""Signing in with a password. How guessing is slowed down stands in `people.attempts`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.audit.service import record
from datapulse_tui.people import passwords, rules, sessions
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.attempts import (
    Attempt,
    SignInDelayed,
    SignInFailed,
    forgive,
    note_failure,
    prune_attempts,
    write_down,
)

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database

__all__ = ["NotActive", "SignInDelayed", "SignInFailed", "prune_attempts", "sign_in"]

ACCOUNT_NOW = "SELECT password, status FROM users WHERE id = :id FOR NO KEY UPDATE"
GREET = "UPDATE users SET last_login = now() WHERE id = :id"


class NotActive(SignInFailed):
    """The password is right, but the account is not active."""


async def sign_in(
    data: Database,
    email: str,
    password: str,
    *,
    ip: str | None = None,
    user_agent: str | None = None,
    kind: str | None = None,
) -> Actor:
    """The person with this address and password as an actor, with a session of `kind` (None: without one).

    Raises SignInFailed when one of them is wrong, SignInDelayed (without looking at the password) after too many
    failures, NotActive for an account that is pending or deactivated (only said to who knows its password), and
    Unavailable.
    """
    attempt = await write_down(data, email, ip)
    right = await passwords.matches(password, attempt.password)
    if right and attempt.user_id is not None:
        status, actor = await _succeed(data, attempt, attempt.user_id, ip, user_agent, kind)
        if actor is not None:
            return actor
    else:
        status = ""
    await note_failure(data, attempt, status or "wrong password", ip, user_agent)
    if status == rules.Status.PENDING:
        raise NotActive("Your account waits for its activation.", hint="An administrator activates it.")
    if status == rules.Status.INACTIVE:
        raise NotActive("Your account was deactivated.", hint="Ask an administrator if that is a mistake.")
    raise SignInFailed("The address or the password is wrong.", hint="Check both and try again.")


async def _succeed(
    data: Database, attempt: Attempt, user_id: UUID, ip: str | None, user_agent: str | None, kind: str | None
) -> tuple[str, Actor | None]:
    """The account's status as it is now, and its actor when it may come in; "" when the password changed meanwhile."""
    from sqlalchemy import text

    async with data.transaction() as session:
        account = (await session.execute(text(ACCOUNT_NOW), {"id": user_id})).one_or_none()
        if account is None or account.password != attempt.password:
            return "", None
        if account.status != rules.Status.ACTIVE:
            return str(account.status), None
        await forgive(session, attempt)
        await session.execute(text(GREET), {"id": user_id})
        actor = await actor_for(session, user_id, ip_address=ip, user_agent=user_agent)
        note = {"failures_before": attempt.failures} if attempt.failures else None
        await record(session, actor, "user.signed_in", "user", user_id, note=note)
        if kind is not None:
            actor = replace(actor, session_id=await sessions.begin(session, actor, kind=kind))
        return str(account.status), actor
