"""Who runs the processes of these tests, and the handles on them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

import datapulse_tui
from datapulse_tui.data.embedded import account, binaries
from tests.embedded import agent

ROOT = os.geteuid() == 0
SECONDS = 20.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for `condition`; fail naming `what` when it does not come true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SECONDS} s for: {what}"
        time.sleep(0.002)


def gone(pid: int) -> bool:
    """True when no process has this id, or only its zombie is left."""
    if not Path("/proc/self").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False
    try:
        return state_of(pid) == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def state_of(pid: int) -> str:
    """The process' state as Linux names it: R running, S sleeping, Z zombie, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class Client:
    """A process that uses the server."""

    def __init__(self, process: subprocess.Popen[str], home: Path) -> None:
        self.process = process
        self.home = home

    def send(self, verb: str) -> None:
        """Ask without waiting for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([verb, str(self.home)]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the oldest question."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client ended"
        reply: dict[str, Any] = json.loads(line)
        return reply

    def ask(self, verb: str) -> dict[str, Any]:
        self.send(verb)
        return self.answer()

    def do(self, verb: str) -> dict[str, Any]:
        """Ask for something that must succeed."""
        reply = self.ask(verb)
        assert "error" not in reply, reply
        return reply

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """End in order: the client reads the end of its input."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(SECONDS)


@dataclass(frozen=True)
class Person:
    """A Unix user, with a Python that they can run and a folder of their own."""

    name: str
    uid: int
    gid: int
    python: str
    path: str
    folder: Path

    def client(self, home: Path, *, environment: dict[str, str] | None = None) -> Client:
        other = self.uid != os.geteuid()
        process = subprocess.Popen(
            [self.python, agent.__file__ if not other else str(Path(self.path.partition(":")[0], "agent.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.defpath, "PYTHONPATH": self.path, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
            cwd="/",
            user=self.uid if other else None,
            group=self.gid if other else None,
            extra_groups=[] if other else None,
        )
        return Client(process, home)


def myself(folder: Path) -> Person:
    packages = str(Path(datapulse_tui.__file__).parent.parent)
    wheel = str(binaries.wheel().parent.parent.parent)
    return Person("me", os.geteuid(), os.getegid(), sys.executable, f"{packages}:{wheel}", folder)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that every user can pass through, in memory where there is room: these tests write much and briefly."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    folder = Path(tempfile.mkdtemp(prefix="dp-", dir=memory if roomy else "/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def public_copy() -> Iterator[tuple[str, Path, Path]]:
    """A Python, the launcher and the binaries where every user can read them: (python, folder, wheel's folder).

    The repository and its environment may lie where others cannot read. Raises LookupError without a Python for them.
    """
    folder = Path(tempfile.mkdtemp(prefix="dp-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        package = Path(datapulse_tui.__file__).parent
        for part in ("__init__.py", "data/__init__.py", "errors.py", "config_files.py"):
            (folder / "datapulse_tui" / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package / part, folder / "datapulse_tui" / part)
        shutil.copytree(package / "data" / "embedded", folder / "datapulse_tui" / "data" / "embedded")
        shutil.copyfile(agent.__file__, folder / "agent.py")
        wheel = binaries.copy(binaries.wheel(), folder).parent.parent.parent
        for found, _, _ in os.walk(folder):
            Path(found).chmod(0o755)
        yield _public_python(), folder, wheel
    finally:
        shutil.rmtree(folder)


def _public_python() -> str:
    candidates = (getattr(sys, "_base_executable", ""), "/usr/bin/python3", "/usr/local/bin/python3")
    for candidate in candidates:
        if not Path(candidate).exists() or not account.can_reach(Path(candidate).resolve(), 65534, 65534):
            continue
        code = "import sys; print(sys.version_info >= (3, 11))"
        told = subprocess.run([candidate, "-I", "-c", code], capture_output=True, text=True, check=False)
        if told.stdout.strip() == "True":
            return candidate
    raise LookupError("no Python 3.11 on this machine can be run by a user other than root")


@contextmanager
def throwaway(python: str, packages: Path, wheel: Path, folder: Path) -> Iterator[Person]:
    """A system user that exists for this long. Raises LookupError when none can be made."""
    name = f"dptest{secrets.token_hex(4)}"
    program = shutil.which("useradd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise LookupError("there is no useradd on this machine")
    subprocess.run([program, "--system", "--no-create-home", "--user-group", name], check=True, capture_output=True)
    try:
        import pwd

        found = pwd.getpwnam(name)
        own = folder / name
        own.mkdir(0o700)
        os.chown(own, found.pw_uid, found.pw_gid)
        yield Person(name, found.pw_uid, found.pw_gid, python, f"{packages}:{wheel}", own)
    finally:
        subprocess.run([f"{program.removesuffix('add')}del", name], check=True, capture_output=True)


def connect(socket_dir: str | Path, role: str = "datapulse_owner") -> psycopg.Connection[Any]:
    return psycopg.connect(host=str(socket_dir), user=role, dbname="datapulse", autocommit=True)


def supervisor_pid(home: Path) -> int:
    return int((home / "postgres" / "supervisor.lock").read_text())


def postmaster_pid(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])


def strike(*pids: int) -> None:
    """SIGKILL to each; one that the death of another has ended already is no matter."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill(pid: int) -> None:
    strike(pid)
    until(lambda: gone(pid), f"end of process {pid}")
