"""Hashing and checking passwords with bcrypt, off the event loop. bcrypt is imported when a password is first used."""

from __future__ import annotations

import asyncio
import functools

from datapulse_tui.people import rules

COST = 12  # 2^12 rounds, about 0.3 s


async def hash_password(password: str) -> str:
    """The bcrypt hash of `password`, which has passed `rules.check_new_password`."""
    return await asyncio.to_thread(_hash, password, COST)


async def matches(password: str, stored: str | None) -> bool:
    """Whether `password` is the one that was hashed to `stored`.

    None (an unknown address), `!` (no password yet) and a password over 72 bytes are never right, and take exactly one
    check like any other, so that the time tells nothing.
    """
    return await asyncio.to_thread(_check, password, stored, COST)


def _hash(password: str, cost: int) -> str:
    import bcrypt

    return bcrypt.hashpw(rules.password_bytes(password), bcrypt.gensalt(cost)).decode("ascii")


def _check(password: str, stored: str | None, cost: int) -> bool:
    """One bcrypt, always."""
    given = rules.password_bytes(password)
    usable = stored is not None and stored != rules.NO_PASSWORD
    hashed = stored.encode("ascii", "replace") if stored is not None and usable else _nobody(cost)
    try:
        right = _bcrypt_check(given[: rules.PASSWORD_MAXIMUM], hashed)
    except ValueError:  # the stored text is no bcrypt hash
        _bcrypt_check(given[: rules.PASSWORD_MAXIMUM], _nobody(cost))
        return False
    return right and usable and len(given) <= rules.PASSWORD_MAXIMUM


def _bcrypt_check(given: bytes, hashed: bytes) -> bool:
    """The one place that calls bcrypt to compare: tests count its calls."""
    import bcrypt

    return bcrypt.checkpw(given, hashed)


@functools.cache
def _nobody(cost: int) -> bytes:
    """A hash of the same cost that no password has: made without hashing anything, so the first use is no slower."""
    import bcrypt

    return bcrypt.gensalt(cost) + b"." * 31
