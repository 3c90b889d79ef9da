"""Started by root: the system user that the server runs as, and the folder of the system that it can reach.

PostgreSQL refuses to run as root. Its binaries lie in an environment that another user may not be able to read, and so
may the data folder; both then live under `/var/lib/datapulse`, and nothing else is made readable for it.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from datapulse_tui.data.embedded import locks
from datapulse_tui.errors import Unavailable

NAME = "datapulse"
STATE = Path("/var/lib/datapulse")
_ADMINISTRATION = "/usr/sbin:/sbin:/usr/bin:/bin"


def ensure() -> tuple[int, int]:
    """User and group id of the server's user, made when missing. Raises Unavailable when that is impossible."""
    try:
        found = pwd.getpwnam(NAME)
    except KeyError:
        with Alone():
            found = _make()
    if found.pw_uid == 0:
        raise Unavailable(
            f"The system user {NAME} is another name of root, and PostgreSQL does not run as root.",
            hint="Give it an id of its own, or start DataPulse as an ordinary user.",
        )
    return found.pw_uid, found.pw_gid


def shelf() -> Path:
    """The folder for copies of the binaries."""
    return _folder(_state() / "bin", 0o755)


def folder_for(home: Path) -> Path:
    """A folder under the system's state folder for the database of `home`, named after its path.

    One that holds data already is not taken: its home was removed, and what was removed must not come back.
    """
    key = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    homes = _folder(_state() / "homes", 0o711)
    number = 1
    while True:
        folder = homes / (key if number == 1 else f"{key}.{number}")
        if not (folder / "data").exists():
            return _folder(folder, 0o711)
        number += 1


def can_reach(path: Path, uid: int, gid: int) -> bool:
    """True when the mode bits let the user pass through every folder from the root down to `path` itself."""
    folder = path.resolve()
    for step in (folder, *folder.parents):
        found = step.stat()
        shift = 6 if found.st_uid == uid else 3 if found.st_gid == gid else 0
        if not found.st_mode >> shift & stat.S_IXOTH:
            return False
    return True


class Alone:
    """One process of root at a time: useradd fails when another holds its files, and a home gets one folder."""

    def __enter__(self) -> None:
        self._lock = locks.wait_for(_state() / "lock", shared=False, seconds=60)

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)


def _make() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        pass
    program = shutil.which("useradd", path=_ADMINISTRATION)
    if program is None:
        raise _no_user("there is no useradd on this machine")
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(STATE)]
    made = subprocess.run(  # noqa: S603 - fixed words only
        [program, *options, "--shell", "/usr/sbin/nologin", NAME], capture_output=True, text=True, check=False
    )
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        raise _no_user(made.stderr.strip() or "useradd failed") from None


def _no_user(reason: str) -> Unavailable:
    return Unavailable(
        f"The embedded database cannot be started by root: PostgreSQL does not run as root, and the system user {NAME} "
        f"could not be made ({reason}). Nothing was changed.",
        hint=f"Make a system user named {NAME}, start DataPulse as an ordinary user, "
        "or name a server in DATAPULSE_DATABASE_URL.",
    )


def _state() -> Path:
    return _folder(STATE, 0o755)


def _folder(path: Path, mode: int) -> Path:
    """`path` as a folder of root's that nobody else can write to. Raises Unavailable when it is something else."""
    try:
        path.mkdir(mode)
        path.chmod(mode)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            raise Unavailable(
                f"{path} is not a folder that only root can write to, so the embedded database does not trust it.",
                hint="Look at what is there, and move it away.",
            ) from None
    return path
