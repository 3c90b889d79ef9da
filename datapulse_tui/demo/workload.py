"""A little real work for the workspace's database, so that its statistics move: bookings between accounts, in waves."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    import psycopg

ACCOUNTS = 1000
REPORT_EVERY = 20  # ticks between two readings of everything
_MOST = 24  # transactions of a tick at the top of a wave
_FAILING = 0.06  # share of the bookings that are taken back

_BOOK: LiteralString = """
WITH paid AS (UPDATE demo.accounts SET balance = balance - %(amount)s WHERE id = %(payer)s),
     received AS (UPDATE demo.accounts SET balance = balance + %(amount)s WHERE id = %(payee)s)
INSERT INTO demo.bookings (payer, payee, amount) VALUES (%(payer)s, %(payee)s, %(amount)s)
"""
_REPORT: LiteralString = """
SELECT a.id % 50 AS branch, sum(balance), count(b.id)
FROM demo.accounts AS a LEFT JOIN demo.bookings AS b ON b.payee = a.id
GROUP BY branch
"""
_PRUNE: LiteralString = "DELETE FROM demo.bookings WHERE booked_at < now() - interval '10 min'"


def transactions(tick: int) -> int:
    """How many bookings tick number `tick` makes: a wave of two minutes with a smaller one on it."""
    level = 0.5 + 0.36 * math.sin(tick / 60 * math.pi) + 0.14 * math.sin(tick / 7)
    return 2 + round(_MOST * level)


async def work(connection: psycopg.AsyncConnection[tuple[object, ...]], tick: int, dice: Random) -> None:
    """Do the work of one tick on `connection` (autocommit, so each statement is a transaction)."""
    for _ in range(transactions(tick)):
        payer, payee = dice.sample(range(1, ACCOUNTS + 1), 2)
        booking = {"payer": payer, "payee": payee, "amount": dice.randint(1, 500)}
        if dice.random() < _FAILING:
            async with connection.transaction(force_rollback=True):
                await connection.execute(_BOOK, booking)
        else:
            await connection.execute(_BOOK, booking)
    if tick % REPORT_EVERY == REPORT_EVERY - 1:
        await connection.execute(_REPORT)
        await connection.execute(_PRUNE)
