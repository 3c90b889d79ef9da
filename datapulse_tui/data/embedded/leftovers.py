"""Ends what a killed supervisor or a killed server left running, so that the next start begins on firm ground."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

# Seconds of waiting, and the signal that is due then: stop in order, stop at once, be stopped.
_STEPS = ((0.3, signal.SIGINT), (5.0, signal.SIGQUIT), (10.0, signal.SIGKILL))
_PROGRAMS = ("postgres", "initdb")


class Leftovers:
    """The processes of one folder's server. Made when the wait for them begins."""

    def __init__(self, base: Path) -> None:
        self._folders = (base, base / "data", base / "data.partial")
        self._began = time.monotonic()
        self._steps = list(_STEPS)

    def nudge(self) -> None:
        """Send the signal that is due by now, if any. Usually they end by themselves before the first one."""
        if self._steps and time.monotonic() - self._began > self._steps[0][0]:
            _, number = self._steps.pop(0)
            for pid in self._found():
                self._send(pid, number)

    def _found(self) -> list[int]:
        try:
            pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        except FileNotFoundError:
            return self._postmaster()
        return [pid for pid in pids if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        process = Path(f"/proc/{pid}")
        try:
            program = (process / "exe").readlink().name.removesuffix(" (deleted)")
            return program in _PROGRAMS and (process / "cwd").readlink() in self._folders
        except OSError:
            return False

    def _postmaster(self) -> list[int]:
        """Without /proc: the process that postmaster.pid names, if it is a PostgreSQL."""
        import subprocess

        try:
            pid = int((self._folders[1] / "postmaster.pid").read_text(errors="replace").split("\n")[0])
        except (OSError, ValueError):
            return []
        listed = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)  # noqa: S603
        return [pid] if b"postgres" in listed.stdout else []

    def _send(self, pid: int, number: signal.Signals) -> None:
        try:
            if not hasattr(os, "pidfd_open"):
                os.kill(pid, number)
                return
            # The descriptor pins the process: looked at again, it cannot be another one by the time of the signal.
            descriptor = os.pidfd_open(pid)
            try:
                if self._is_ours(pid):
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)
        except ProcessLookupError:
            pass
