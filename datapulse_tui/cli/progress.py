"""Long work on the command line: one line on stderr that is written over, on a terminal only."""

from __future__ import annotations

import sys
import time

EVERY = 0.2  # seconds between two writings


class ProgressLine:
    """Call it with the words of the moment; `clear` takes the line away."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next = 0.0

    def __call__(self, words: str) -> None:
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next = now + EVERY
            sys.stderr.write(f"\r{words}\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown and self._next:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
