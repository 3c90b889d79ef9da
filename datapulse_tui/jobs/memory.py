"""How a worker's garbage collector works: a process that lives long and handles a hundred thousand rows at a time."""

from __future__ import annotations

import gc

# Objects made until the young ones are looked through. With Python's 700 a cycle of evaluation looked through its own
# rows hundreds of times, for a fifth of its time, and found nothing: what it makes holds no circles.
YOUNG = 50_000


def settle() -> None:
    """Leave out of every collection what is imported by now, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
