"""Processes that tests start, kill and stop: real ones, forked from one that has imported before what workers need.

Importing it takes each of them a second or two of processor time otherwise, and most of them live shorter than that.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "datapulse_tui.cli.main",
        "datapulse_tui.house",
        "datapulse_tui.jobs.worker",
        "datapulse_tui.sources.adapters.postgresql",
        "datapulse_tui.workflows.types.registry",
    ]
)


@dataclass(frozen=True)
class _Passed:
    """A file that is open here and goes to the process that is being started."""

    descriptor: int

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self.descriptor),)


def _received(passed: Any) -> _Passed:
    return _Passed(passed.detach())


def start(
    program: str,
    *arguments: str,
    environment: Mapping[str, str],
    stdin: BinaryIO | None = None,
    out: Path | BinaryIO | None = None,
    err: Path | BinaryIO | None = None,
) -> ForkServerProcess:
    """Run a module as `python -m` does (or `-c` the first argument), with exactly this environment and these files."""
    with ExitStack() as opened:
        files = {}
        for descriptor, file in enumerate((stdin, out, err)):
            if file is not None:
                at_hand = opened.enter_context(file.open("wb")) if isinstance(file, Path) else file
                files[descriptor] = _Passed(at_hand.fileno())
        process = _CONTEXT.Process(target=_run, args=(program, arguments, dict(environment), files))
        process.start()
    return process


def run(
    program: str, *arguments: str, environment: Mapping[str, str], timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a module to its end: what subprocess.run would tell of it."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = start(program, *arguments, environment=environment, out=out, err=err)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([program, *arguments], timeout)
        return subprocess.CompletedProcess([program, *arguments], process.exitcode, out.read_text(), err.read_text())


@dataclass
class Conversation:
    """A process that reads orders and writes answers. Use as a context manager: it is killed on the way out."""

    process: ForkServerProcess
    orders: BinaryIO
    answers: BinaryIO
    _ended: bool = field(default=False, init=False)

    @classmethod
    def begin(cls, program: str, *arguments: str, environment: Mapping[str, str]) -> Conversation:
        (stdin, orders), (answers, out) = os.pipe(), os.pipe()
        with os.fdopen(stdin, "rb") as child_reads, os.fdopen(out, "wb") as child_writes:
            process = start(program, *arguments, environment=environment, stdin=child_reads, out=child_writes)
        return cls(process, os.fdopen(orders, "wb", buffering=0), os.fdopen(answers, "rb"))

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        if not self._ended:
            self._ended = True
            self.process.kill()
            self.process.join()
            self.orders.close()
            self.answers.close()


def _run(program: str, arguments: tuple[str, ...], environment: dict[str, str], files: dict[int, _Passed]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, passed in files.items():
        os.dup2(passed.descriptor, descriptor)
        os.close(passed.descriptor)
    if 0 in files:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - multiprocessing has put nothing there
    if program == "-c":
        code, *arguments_left = arguments
        sys.argv = ["-c", *arguments_left]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = [program, *arguments]
        runpy.run_module(program, run_name="__main__")
