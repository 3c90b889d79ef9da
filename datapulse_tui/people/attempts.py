"""Attempts to prove to be somebody: counted before they are looked at, so that guessing waits.

Before a secret is looked at, the attempt is written down as a failure and committed; a success takes it back. So
guesses that run at the same time, on any number of machines, count each other, and a crash in between counts too. An
unknown address goes the same way, takes the same time and reads the same as a wrong secret.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datapulse_tui.audit.actor import Actor
from datapulse_tui.audit.service import record
from datapulse_tui.errors import Invalid, NotAllowed
from datapulse_tui.people import rules

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.data.database import Database

PRUNED_AT_ONCE = 200
UNPROVEN = "sign-in"  # who acts, for the trail, while nobody has proved to be anybody

LOCK_ADDRESS = "SELECT pg_advisory_xact_lock(hashtextextended('sign-in ' || :key, 0))"
# Bounded, so that an attempt costs the same however many there were; every attempt adds one and takes up to 200 away.
PRUNE = """
DELETE FROM sign_in_attempts WHERE id IN (
    SELECT id FROM sign_in_attempts WHERE id IN (SELECT id FROM sign_in_attempts ORDER BY id LIMIT :most)
    AND created_at < clock_timestamp() - CAST(:kept AS interval) FOR UPDATE SKIP LOCKED)
"""
FAILURES = """
SELECT created_at FROM sign_in_attempts
WHERE email = :key AND created_at > clock_timestamp() - CAST(:kept AS interval) ORDER BY created_at DESC LIMIT 1000
"""
WRITE_DOWN = """
INSERT INTO sign_in_attempts (email, ip_address, created_at) VALUES (:key, :ip, clock_timestamp()) RETURNING id
"""
ACCOUNT = "SELECT id, password FROM users WHERE email = :key"
FORGIVE = "DELETE FROM sign_in_attempts WHERE email = :key AND id <= :attempt"
FORGET = "DELETE FROM sign_in_attempts WHERE email = :key"


class SignInFailed(NotAllowed):
    """The address or the password is wrong; which of them is not said."""


class SignInDelayed(SignInFailed):
    """Too many failures: the address waits `wait` before the next attempt is looked at."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(
            f"Too many failed sign-ins for this address. The next attempt is possible in {_in_words(wait)}.",
            hint="An administrator can let you try again at once.",
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was written down, and what the account was at that moment (None where there is none)."""

    key: str
    id: int
    failures: int
    user_id: UUID | None
    password: str | None


def key_of(email: str) -> str:
    """What attempts are counted by. Something that is no address (a password typed too early) is kept as a hash."""
    try:
        return rules.normalise_email(email)
    except Invalid:
        return "sha256:" + hashlib.sha256(email.encode("utf-8", "surrogatepass")).hexdigest()


async def write_down(data: Database, email: str, ip: str | None) -> Attempt:
    """Count an attempt as a failure before it is known whether it is one. Raises SignInDelayed."""
    from sqlalchemy import text

    key = key_of(email)
    async with data.transaction() as session:
        await session.execute(text(LOCK_ADDRESS), {"key": key})
        await prune_attempts(session)
        now = await session.scalar(text("SELECT clock_timestamp()"))
        found = await session.scalars(text(FAILURES), {"key": key, "kept": rules.FAILURES_REMEMBERED})
        failures = list(found)[::-1]
        wait = rules.sign_in_delay(failures, now)
        if wait > rules.NO_DELAY:
            raise SignInDelayed(wait)
        attempt = await session.scalar(text(WRITE_DOWN), {"key": key, "ip": (ip or "")[:50] or None})
        account = (await session.execute(text(ACCOUNT), {"key": key})).one_or_none()
        user_id, password = account if account is not None else (None, None)
        return Attempt(key, int(attempt), len(failures), user_id, password)


async def forgive(session: AsyncSession, attempt: Attempt) -> None:
    """It was right: neither it nor those before it count any more."""
    from sqlalchemy import text

    await session.execute(text(FORGIVE), {"key": attempt.key, "attempt": attempt.id})


async def forget(session: AsyncSession, email: str) -> int:
    """Forget every failure at an address; returns how many there were."""
    from sqlalchemy import text

    done: Any = await session.execute(text(FORGET), {"key": email})
    return int(done.rowcount)


async def note_failure(data: Database, attempt: Attempt, reason: str, ip: str | None, user_agent: str | None) -> None:
    """Record a failure at a known account (the delay bounds how many there can be); unknown addresses would only let
    anybody fill the trail. Not waiting for the disk keeps the two alike in time."""
    from sqlalchemy import text

    async with data.transaction() as session:
        await session.execute(text("SET LOCAL synchronous_commit = off"))
        if attempt.user_id is not None:
            actor = Actor(None, UNPROVEN, ip_address=ip, user_agent=user_agent)
            note = {"reason": reason}
            await record(session, actor, "user.sign_in_failed", "user", attempt.user_id, note=note)


async def prune_attempts(session: AsyncSession) -> None:
    """Forget some attempts that no longer count, the oldest first."""
    from sqlalchemy import text

    await session.execute(text(PRUNE), {"most": PRUNED_AT_ONCE, "kept": rules.FAILURES_REMEMBERED})


def _in_words(wait: timedelta) -> str:
    seconds = math.ceil(wait.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"
