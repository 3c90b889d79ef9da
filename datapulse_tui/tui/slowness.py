"""Which widgets are slow: what took long starts first, as the last query to end is the one that people wait for.

A source takes only a few queries at once. A small file in the workspace's folder remembers over the end of a desk what
took long, for all desks that run on this machine; without it everything works, only not in the best order.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import UUID

SLOW = 0.2  # seconds from which a query is worth a place in the file
MOST = 500  # widgets in the file: those that were noted last
TELLING = 1.5  # times that a query has to be slower or faster than in the file before that is written again


class Slowness:
    """Seconds that widgets took when they last ran. `load` and `save` are for threads; no file is no error."""

    def __init__(self) -> None:
        self._took: dict[UUID, float] = {}
        self._kept: dict[UUID, float] = {}

    def of(self, widget_id: UUID) -> float:
        """Seconds; 0 for what has not run yet."""
        return self._took.get(widget_id, 0.0)

    def note(self, widget_id: UUID, seconds: float) -> bool:
        """A widget ran; whether the file should be written."""
        self._took.pop(widget_id, None)  # the last noted stand last
        self._took[widget_id] = seconds
        kept = self._kept.get(widget_id, 0.0)
        if seconds < SLOW:
            return kept >= SLOW
        return not kept / TELLING < seconds < kept * TELLING

    def load(self, path: Path) -> None:
        """Take what is in the file; what was noted here meanwhile counts more."""
        with suppress(OSError, ValueError, TypeError, AttributeError):  # a file that somebody wrote in is no file
            self._kept = {UUID(key): float(value) for key, value in json.loads(path.read_bytes()).items()}
            self._took = {**self._kept, **self._took}

    def save(self, path: Path) -> None:
        """Write the slow ones, in one go: other desks read it at any time."""
        slow = {key: took for key, took in self._took.copy().items() if took >= SLOW}
        self._kept = dict(list(slow.items())[-MOST:])
        content = json.dumps({str(key): round(took, 2) for key, took in self._kept.items()})
        with suppress(OSError):  # a full or read-only disk
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
            with os.fdopen(handle, "w") as file:
                file.write(content)
            Path(name).replace(path)
