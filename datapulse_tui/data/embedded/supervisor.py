"""The process between the desks and PostgreSQL. A script of its own: `python -I -S -E supervisor.py ...`.

It makes the data folder if there is none, runs the server as its child, keeps the server's log within bounds, and waits
for the exclusive lock on the clients' file. Whoever gets that lock knows that no client lives, however the clients
ended; then the server is shut down. It imports only what it needs, because it stays in memory as long as the server.

Order of the arguments: see `Plan`. The descriptors are inherited. `server_lock` is passed on to every process of the
server, so the lock is free only when the last of them is gone; `own_lock` is held by this process alone.
"""

# pathlib and contextlib would cost memory and time that nothing here repays.
# ruff: noqa: PTH102, PTH104, PTH105, PTH106, PTH108, PTH110, PTH112, PTH119, PTH123, SIM105

from __future__ import annotations

import _thread
import fcntl
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Linux only: the kernel sends this process' child a signal when this process dies.
PR_SET_PDEATHSIG = 1
LOG_BYTES = 4 * 1024 * 1024
START_POLL_MS = 5
# Steps of a shutdown, each with the seconds that it is given: fast, immediate, and then the kernel's way.
SHUTDOWN = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
HANDLED = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Plan:
    """What to run and where. Paths are absolute."""

    def __init__(self, arguments: list[str]) -> None:
        self.base, self.bin, self.log, self.run = arguments[:4]
        self.uid, self.gid, self.server_lock, self.own_lock, self.report = (int(value) for value in arguments[4:])
        self.data = f"{self.base}/data"
        self.partial = f"{self.base}/data.partial"


class Failure(Exception):
    """The server cannot be brought up; the text is for people."""


class Log:
    """The log file, cut at a size: what is older goes to `<name>.1`, what is older still is dropped."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.tail = b""
        self._open()

    def write(self, data: bytes) -> None:
        """Append; a disk that is full loses the line, never the server."""
        self.tail = (self.tail + data)[-4000:]
        try:
            if self.size + len(data) > LOG_BYTES:
                os.replace(self.path, f"{self.path}.1")
                full = self.file
                self._open()
                os.close(full)
            self.size += os.write(self.file, data)
        except OSError:
            pass

    def note(self, text: str) -> None:
        """A line of this process' own."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        self.write(f"{stamp} [{os.getpid()}] supervisor: {text}\n".encode())

    def _open(self) -> None:
        self.file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self.file).st_size


class Supervisor:
    """One server from start to end."""

    def __init__(self, plan: Plan, log: Log) -> None:
        self.plan = plan
        self.log = log
        self.stopping = False
        self.deserted = False
        self.child = 0
        self.exit_status: int | None = None
        self.log_reader, self.log_writer = os.pipe()
        self.wake_reader, self.wake_writer = os.pipe()
        for descriptor in (self.log_reader, self.wake_reader, self.wake_writer):
            os.set_blocking(descriptor, False)
        self.events = select.poll()
        self.events.register(self.log_reader, select.POLLIN)
        self.events.register(self.wake_reader, select.POLLIN)
        signal.set_wakeup_fd(self.wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)

    def serve(self) -> None:
        """Bring the server up, tell who started us, stay until nobody needs it, and shut it down."""
        if not os.path.isdir(self.plan.data):
            self._initialise()
        self._clear_stale_files()
        self._spawn(
            [f"{self.plan.bin}/postgres", "-D", self.plan.data, "-c", f"config_file={self.plan.base}/postgresql.conf"]
        )
        try:
            self._wait_until_ready()
            _write(f"{self.plan.base}/server", f"{self.child}\n{self.plan.run}\n")
            self._tell("ready")
            self._stay()
        finally:
            _remove(f"{self.plan.base}/server")
            self._shut_down()

    def _initialise(self) -> None:
        """Make the data folder beside its place and move it there when it is whole and on the disk.

        A folder named `data` is therefore always complete: whatever is killed before leaves only `data.partial`.
        """
        plan = self.plan
        if os.path.lexists(plan.partial):
            import shutil

            shutil.rmtree(plan.partial)
        os.mkdir(plan.partial, 0o700)
        if os.geteuid() != plan.uid:
            os.chown(plan.partial, plan.uid, plan.gid)
        initdb = f"{plan.bin}/initdb"
        # The built-in locale depends on no library of the machine, so an upgrade of the system cannot break an index.
        options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        auth = ["--username=datapulse_super", "--auth-local=trust", "--auth-host=reject"]
        # Nothing is synced until all is there: one pass at the end instead of three.
        self._run([initdb, "-D", plan.partial, *options, *auth, "--no-instructions", "--no-sync"])
        single = [f"{plan.bin}/postgres", "--single", "-F", "-D", plan.partial, "-c", "exit_on_error=on"]
        with open(f"{plan.base}/bootstrap.sql", "rb") as file:
            self._run([*single, "-c", "log_checkpoints=off", "template1"], stdin=file.read())
        self._run([initdb, "-D", plan.partial, "--sync-only"])
        os.rename(plan.partial, plan.data)
        folder = os.open(plan.base, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _clear_stale_files(self) -> None:
        """Drop pid files of a server that was killed: their pids may belong to somebody else by now.

        Safe, because the server's lock is ours: no process of an earlier server is left.
        """
        socket = f"{self.plan.run}/.s.PGSQL.5432"
        for path in (f"{self.plan.data}/postmaster.pid", socket, f"{socket}.lock"):
            _remove(path)

    def _wait_until_ready(self) -> None:
        """Until PostgreSQL writes that it accepts connections (recovery after a crash is over then)."""
        while not self._accepts_connections():
            self._pump(START_POLL_MS)
            if self.stopping:
                raise Failure("it was asked to stop while it was starting")
            if self.exit_status is not None:
                raise Failure("PostgreSQL ended while it was starting")

    def _accepts_connections(self) -> bool:
        try:
            with open(f"{self.plan.data}/postmaster.pid", encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.child) and lines[7].strip() == "ready"

    def _stay(self) -> None:
        """Return when the last client is gone, when asked to stop, or when the server has ended by itself."""
        clients = os.open(
            f"{self.plan.base}/clients.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        _thread.stack_size(256 * 1024)
        _thread.start_new_thread(self._wait_for_desertion, (clients,))
        while not self.stopping:
            self._pump(None)
            if self.exit_status is not None:
                self.log.note(f"PostgreSQL ended unasked (status {self.exit_status})")
                return
            if self.deserted:
                if not os.path.exists(f"{self.plan.base}/pinned"):
                    return
                # Kept running by `datapulse db start`: let clients in again, and stay until told to stop.
                self.deserted = False
                fcntl.flock(clients, fcntl.LOCK_UN)

    def _wait_for_desertion(self, clients: int) -> None:
        """On a thread of its own, for the wait cannot be polled. The lock is kept until this process ends: a client
        that comes during the shutdown waits for its end."""
        fcntl.flock(clients, fcntl.LOCK_EX)
        self.deserted = True
        os.write(self.wake_writer, b"\0")

    def _shut_down(self) -> None:
        for step, seconds in SHUTDOWN:
            if self.exit_status is not None:
                break
            os.kill(self.child, step)
            deadline = time.monotonic() + seconds
            while self.exit_status is None and time.monotonic() < deadline:
                self._pump(100)
        self._pump(0)
        if not self.plan.run.startswith(f"{self.plan.base}/"):
            # A folder in the system's place for temporary files; the next start makes it again under the same name.
            try:
                os.rmdir(self.plan.run)
            except OSError:
                pass

    def _run(self, command: list[str], *, stdin: bytes = b"") -> None:
        """Run one step of the preparation to its end. Raises Failure."""
        self._spawn(command, stdin=stdin, quiet=True)
        while self.exit_status is None:
            if self.stopping:
                os.kill(self.child, signal.SIGTERM)
            self._pump(100 if self.stopping else None)
        if self.stopping:
            raise Failure("it was asked to stop while it was being prepared")
        if self.exit_status != 0:
            raise Failure(f"{os.path.basename(command[0])} failed")

    def _spawn(self, command: list[str], *, stdin: bytes = b"", quiet: bool = False) -> None:
        """Start `command` as the server's user, with its messages in the log."""
        reader, writer = os.pipe()
        os.write(writer, stdin)
        os.close(writer)
        self.exit_status = None
        parent = os.getpid()
        # A signal for the child that comes before its exec waits, instead of ending in a handler of ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        self.child = os.fork()
        if self.child == 0:
            try:
                for number in (*HANDLED, signal.SIGPIPE):
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(reader, 0)
                os.dup2(null if quiet else self.log_writer, 1)
                os.dup2(self.log_writer, 2)
                os.chdir(self.plan.base)
                # Loaded before the change of user, who may not be able to read this Python's library.
                die_with_parent = _death_signal(parent)
                self._become_server_user()
                die_with_parent()
                # A clean environment: PGDATA, PGPORT or a locale of the person's must not reach the server.
                os.execve(command[0], command, {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"})  # noqa: S606
            except BaseException as error:  # noqa: BLE001 - this half of the fork must not run on
                os.write(2, f"could not run {command[0]}: {error}\n".encode(errors="replace"))
            finally:
                os._exit(127)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        os.close(reader)

    def _become_server_user(self) -> None:
        if os.geteuid() != 0:
            return
        os.setgroups([])
        os.setresgid(self.plan.gid, self.plan.gid, self.plan.gid)
        os.setresuid(self.plan.uid, self.plan.uid, self.plan.uid)

    def _pump(self, milliseconds: int | None) -> None:
        """Wait for something to happen: copy what the server wrote into the log, and note its end."""
        for descriptor, _ in self.events.poll(milliseconds):
            data = _drain(descriptor)
            if descriptor == self.log_reader:
                self.log.write(data)
        if self.exit_status is None:
            pid, status = os.waitpid(self.child, os.WNOHANG)
            if pid:
                self.exit_status = os.waitstatus_to_exitcode(status)
                self.log.write(_drain(self.log_reader))

    def _ask_to_stop(self, *_: object) -> None:
        self.stopping = True

    def _tell(self, text: str) -> None:
        tell(self.plan, text)


def tell(plan: Plan, text: str) -> None:
    """Answer who started us, once. That process may be gone; then nobody needs the answer."""
    try:
        os.write(plan.report, text.encode(errors="replace"))
        os.close(plan.report)
    except OSError:
        pass


def _drain(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""


def _write(path: str, text: str) -> None:
    """Write a small file so that a reader sees all of it or none."""
    with open(f"{path}.new", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _death_signal(parent: int) -> Callable[[], None]:
    """A function that asks for a fast shutdown should `parent`, the supervisor, be killed.

    A change of user undoes it, hence a function. Elsewhere than on Linux the next start sees to what is left over.
    """
    if sys.platform != "linux":
        return lambda: None
    import ctypes

    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))
        if os.getppid() != parent:
            os._exit(1)

    return ask


def detach() -> None:
    """Leave the session of the process that started us, and be nobody's child, so that nobody has to wait for us."""
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)


def main() -> None:
    plan = Plan(sys.argv[1:])
    detach()
    os.set_inheritable(plan.own_lock, False)
    os.set_inheritable(plan.report, False)
    os.ftruncate(plan.own_lock, 0)
    os.pwrite(plan.own_lock, f"{os.getpid()}\n".encode(), 0)
    log = Log(plan.log)
    try:
        Supervisor(plan, log).serve()
    except Failure as failure:
        log.note(f"gave up: {failure}")
        tell(plan, f"{failure}\n{log.tail.decode(errors='replace')}")
    except BaseException as error:  # noqa: BLE001 - there is no one above us to tell
        log.note(f"failed: {error!r}")
        tell(plan, f"{error}\n{log.tail.decode(errors='replace')}")
    finally:
        # No clean-up of the interpreter: its other thread may wait for a lock for ever.
        os._exit(0)


if __name__ == "__main__":
    main()
