"""A program in a pseudo-terminal, seen as its user sees it: an emulated screen, timed to the byte.

Used by the end-to-end tests and the benchmarks. Waiting is always for something to happen, never for time to pass.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte

# Private sequences (keyboard protocol, mode queries, DCS, APC) that pyte would print as text.
UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\[\?[0-9;]*[a-gi-km-z]|\x1b[P_][^\x1b]*\x1b\\"
)

KEYS = {
    "enter": "\r", "escape": "\x1b", "tab": "\t", "space": " ", "backspace": "\x7f",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "home": "\x1b[H", "end": "\x1b[F",
}  # fmt: skip


class ScreenTimeoutError(AssertionError):
    """What was waited for did not come; the text holds the screen as it stood."""


class Terminal:
    """A running program and its screen. Use as a context manager: the program is ended on the way out."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 40,
        environment: Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.timeout = timeout
        self.bytes = 0
        self.first_byte: float | None = None
        self.last_byte = 0.0
        self.exit_code: int | None = None
        self.raw = bytearray()
        settings = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            if name not in (environment or {}):
                settings.pop(name, None)
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            with contextlib.suppress(OSError):
                os.execvpe(command[0], list(command), settings)
            os._exit(127)
        self.resize(columns, rows)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal; the program gets its SIGWINCH from the kernel."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def send(self, *keys: str) -> None:
        """Type: names of KEYS as keys, everything else letter by letter."""
        os.write(self._fd, "".join(KEYS.get(key, key) for key in keys).encode())

    def text(self) -> str:
        """The screen as text, a line a row."""
        return "\n".join(self.screen.display)

    def pump(self, seconds: float) -> bool:
        """Read what the program writes for up to `seconds`; True when something came."""
        if self.exit_code is not None or not select.select([self._fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._fd, 65_536)
        except OSError:  # the pty's other end is closed: the program ended
            data = b""
        if not data:
            _, status = os.waitpid(self.pid, 0)
            self.exit_code = os.waitstatus_to_exitcode(status)
            return False
        now = time.perf_counter()
        self.first_byte = self.first_byte or now
        self.last_byte = now
        self.bytes += len(data)
        self.raw += data
        self._answer(data)
        self._stream.feed(UNKNOWN_TO_PYTE.sub(b"", data))
        return True

    def _answer(self, data: bytes) -> None:
        """Answer the one question every terminal answers (who are you), as a real one does."""
        if b"\x1b[c" in data:
            os.write(self._fd, b"\x1b[?62;22c")

    def wait(self, text: str, *, gone: bool = False, timeout: float | None = None) -> float:
        """Wait until `text` is (or with `gone` is no longer) on the screen; seconds since start of the last byte."""
        deadline = time.perf_counter() + (timeout or self.timeout)
        while (text in self.text()) == gone:
            if time.perf_counter() > deadline or self.exit_code is not None:
                ended = "" if self.exit_code is None else f" (the program ended with {self.exit_code})"
                raise ScreenTimeoutError(f"{'still' if gone else 'no'} {text!r} on the screen{ended}:\n{self.text()}")
            self.pump(0.02)
        return (self.last_byte or self.started) - self.started

    def settle(self, quiet: float = 0.3, timeout: float | None = None) -> float:
        """Wait until nothing has been written for `quiet` seconds; the time of the last byte since start."""
        deadline = time.perf_counter() + (timeout or self.timeout)
        while time.perf_counter() < deadline and self.pump(quiet):
            pass
        return (self.last_byte or self.started) - self.started

    def wait_exit(self, timeout: float | None = None) -> int:
        """Wait for the program's end; its exit code."""
        deadline = time.perf_counter() + (timeout or self.timeout)
        while self.exit_code is None:
            if time.perf_counter() > deadline:
                raise ScreenTimeoutError(f"the program does not end:\n{self.text()}")
            self.pump(0.05)
        return self.exit_code

    def pss_mib(self) -> float:
        """Proportional memory of the program itself, in MiB."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024

    def close(self) -> None:
        """End the program, politely and then not, and collect it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.exit_code is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            with contextlib.suppress(ScreenTimeoutError):
                self.wait_exit(5)
        os.close(self._fd)
