from __future__ import annotations

import asyncio
import threading
import time

import pytest

from datapulse_tui.people import passwords


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """Every comparison that bcrypt made: (thread's name, cost part of the hash)."""
    made: list[tuple[str, bytes]] = []
    real = passwords._bcrypt_check

    def counted(given: bytes, hashed: bytes) -> bool:
        made.append((threading.current_thread().name, hashed[:7]))
        return real(given, hashed)

    monkeypatch.setattr(passwords, "_bcrypt_check", counted)
    return made


@pytest.mark.parametrize(
    ("given", "kind", "right"),
    [
        ("correct horse", "hash", True),
        ("wrong horse!", "hash", False),
        ("correct horse", "nobody", False),
        ("correct horse", "none yet", False),
        ("x" * 73, "hash", False),
        ("", "hash", False),
        ("nul \0 inside it", "hash", False),
        ("\ud800 surrogate", "hash", False),
    ],
)
async def test_every_way_costs_one_bcrypt_of_the_same_cost(
    checks: list[tuple[str, bytes]], given: str, kind: str, right: bool
) -> None:
    stored = {"hash": await passwords.hash_password("correct horse"), "nobody": None, "none yet": "!"}[kind]
    assert await passwords.matches(given, stored) is right
    assert [cost for _, cost in checks] == [b"$2b$04$"]
    assert checks[0][0] != threading.main_thread().name


async def test_only_the_first_72_bytes_would_count_so_longer_is_wrong() -> None:
    stored = await passwords.hash_password("x" * 72)
    assert await passwords.matches("x" * 72, stored)
    assert not await passwords.matches("x" * 73, stored)


async def test_a_broken_hash_is_wrong_and_no_error() -> None:
    assert not await passwords.matches("correct horse", "rubbish")


async def test_the_product_uses_cost_12(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert passwords.COST == 12
    assert passwords._nobody(passwords.COST).startswith(b"$2b$12$")


async def test_the_event_loop_goes_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 12)
    hashing = asyncio.create_task(passwords.hash_password("correct horse"))
    beats = 0
    started = time.perf_counter()
    while not hashing.done():
        await asyncio.sleep(0.001)
        beats += 1
    assert beats >= 2, time.perf_counter() - started  # one, if it stood still
