"""The sample files: generated from one seed, up to this moment, so that "the last 7 days" always has something to show.

They are made when the demo is set up instead of being shipped: a shipped file has fixed dates and is out of every
time range a week later, and the wheel stays small. Each day and month takes its random numbers from the seed and its
own date (`seasons.random_of`), so making the files again tomorrow adds tomorrow and leaves every past figure as it was;
only what really changes with time does (an order is shipped, a person leaves). All of it is invented.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from datapulse_tui.demo import headcount, latency, orders

FILES: dict[str, tuple[tuple[str, ...], Callable[[datetime], Iterator[tuple[object, ...]]]]] = {
    "orders.csv": (orders.COLUMNS, orders.rows),
    "latency.csv": (latency.COLUMNS, latency.rows),
    "headcount.csv": (headcount.COLUMNS, headcount.rows),
}
FRESH_SECONDS = 300  # one step of latency.csv


def content(name: str, now: datetime) -> str:
    """The text of the sample file `name` as it stands at `now` (aware)."""
    columns, rows = FILES[name]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows(now))
    return text.getvalue()


def write(folder: Path, now: datetime) -> dict[str, int]:
    """Write every sample file into `folder`; returns their sizes in bytes.

    Each takes its place in one step, so a query that reads meanwhile sees the old file or the new one.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sizes = {}
    for name in FILES:
        text = content(name, now).encode()
        partial = folder / f".{name}.{os.getpid()}"
        partial.write_bytes(text)
        partial.replace(folder / name)
        sizes[name] = len(text)
    return sizes


def refresh(folder: Path, now: datetime) -> bool:
    """Write the files again when a new step is due; returns whether they were written."""
    try:
        oldest = min((folder / name).stat().st_mtime for name in FILES)
    except FileNotFoundError:
        oldest = 0.0
    step = FRESH_SECONDS
    if now.astimezone(UTC).timestamp() // step == oldest // step:
        return False
    write(folder, now)
    return True
