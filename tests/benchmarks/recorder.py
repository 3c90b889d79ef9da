"""A terminal that notes when each piece of output came, and emulates the screen only when it is looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import pyte

from tests.terminal import ScreenTimeoutError, Terminal


@dataclass
class _Later:
    """Stands where the emulator stands: emulating takes longer than reading and would make the clock late."""

    pieces: list[tuple[float, bytes]] = field(default_factory=list)

    def feed(self, data: bytes) -> None:
        self.pieces.append((time.perf_counter(), data))


class Recorder(Terminal):
    """A Terminal whose times are those of the bytes, however long the emulator takes."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, timeout: float = 30
    ) -> None:
        super().__init__(command, environment=environment, timeout=timeout)
        self._emulator, self._later = self._stream, _Later()
        self._stream = cast(pyte.ByteStream, self._later)

    def __enter__(self) -> Recorder:
        return self

    def text(self) -> str:
        """The screen as text, a line a row."""
        while self._later.pieces:
            self._emulator.feed(self._later.pieces.pop(0)[1])
        return super().text()

    def shown(self, condition: Callable[[str], bool], quiet: float = 0.5) -> float:
        """When (perf_counter) the bytes came that made `condition` true of the screen.

        Looks only once nothing has come for `quiet` seconds.
        """
        deadline = time.perf_counter() + self.timeout
        while time.perf_counter() < deadline:
            self.settle(quiet)
            while self._later.pieces:
                moment, data = self._later.pieces.pop(0)
                self._emulator.feed(data)
                if condition(super().text()):
                    return moment
        raise ScreenTimeoutError(f"what was waited for did not come:\n{self.text()}")

    def wait_until(self, seconds: float) -> None:
        """Read what comes until `seconds` after the start of the program."""
        while time.perf_counter() < self.started + seconds:
            self.pump(0.2)

    def answer(self, key: str, quiet: float = 0.08) -> tuple[float, float, int]:
        """Press `key`: seconds to the first and to the last byte of what it brought until it was `quiet`, and bytes."""
        before, sent = self.bytes, time.perf_counter()
        self.send(key)
        while self.bytes == before and time.perf_counter() < sent + self.timeout:
            self.pump(0.5)
        first = self.last_byte - sent
        self.settle(quiet)
        return first, self.last_byte - sent, self.bytes - before
