"""What the SQL of a rule may leave open: the time range that it looks at, as bound parameters. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

NAMES = ("from", "to")


def values(at: datetime, window_seconds: int) -> dict[str, object]:
    """`:from` and `:to` for an evaluation at `at`: the rule's window up to that moment."""
    return {"from": at - timedelta(seconds=window_seconds), "to": at}


def may_take(sql: str) -> bool:
    """Whether `sql` may name a parameter: looks for the letters alone, so it errs on the side of yes."""
    return any(f":{name}" in sql for name in NAMES)


def problem(names: Collection[str]) -> str:
    """What is wrong with SQL that has the parameters `names`; empty when nothing is."""
    unknown = [name for name in names if name not in NAMES]
    if not unknown:
        return ""
    listed = " and ".join(f":{name}" for name in NAMES)
    return f"found the parameter :{unknown[0]}, expected none but {listed} (the window up to the evaluation)"
