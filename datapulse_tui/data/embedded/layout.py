"""Which files an embedded server keeps, and where.

HOME/log/postgres.log       messages of the server and its supervisor
HOME/postgres/              the base: 0700 (0711 by root, whose server is another user); root's may be a link
  clients.lock              shared by every client for its life; exclusive to the supervisor that shuts down
  start.lock                held by who starts, stops or erases
  supervisor.lock           held by the supervisor for its life; its pid is inside
  server.lock               held until the last process of the server is gone
  server                    there while the server takes connections: its pid and the socket's folder, a line each
  pinned, stopped           asked for by `datapulse db start` and `stop`
  postgresql.conf, pg_hba.conf, local.conf
  data/                     the data folder, complete whenever it is there; data.partial/ while it is made
  run/                      the socket's folder, unless its path would be too long
  run.path                  which folder it is then
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from datapulse_tui.errors import Unavailable

# sun_path holds 108 bytes with the closing zero; PostgreSQL and libpq go no further.
SOCKET_BYTES = 107
SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one home's server. `home` is absolute, `base` also free of symbolic links."""

    home: Path
    base: Path

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def clients(self) -> Path:
        return self.base / "clients.lock"

    @property
    def starting(self) -> Path:
        return self.base / "start.lock"

    @property
    def supervisor(self) -> Path:
        return self.base / "supervisor.lock"

    @property
    def processes(self) -> Path:
        return self.base / "server.lock"

    @property
    def server(self) -> Path:
        return self.base / "server"

    @property
    def pinned(self) -> Path:
        return self.base / "pinned"

    @property
    def stopped(self) -> Path:
        return self.base / "stopped"

    @property
    def log(self) -> Path:
        return self.home / "log" / "postgres.log"


def find(home: Path) -> Place | None:
    """The place of `home`'s server, or None when there never was one. Makes nothing.

    Raises Unavailable when it belongs to another user or is no longer where it was kept, OSError when it is out of
    reach.
    """
    home = home.absolute()
    path = home / "postgres"
    try:
        owner = path.stat().st_uid
    except FileNotFoundError:
        if not path.is_symlink():
            return None
        owner = _owner_of_linked(home, path)
    if owner == 0 == os.geteuid():
        # Root must not write where another user can put links in its way, so the home itself must be root's too.
        owner = home.stat().st_uid
    if owner != os.geteuid():
        raise _not_ours(home, owner)
    return Place(home, path.resolve())


def _owner_of_linked(home: Path, path: Path) -> int:
    """The owner of what the link leads to, which another process may have made since it was not found."""
    try:
        return path.stat().st_uid
    except FileNotFoundError:
        raise Unavailable(
            f"The data of {home} was kept in {path.readlink()}, and that folder is gone.",
            hint=f"Bring it back from a backup; or remove {path} to begin with an empty database.",
        ) from None


def make(home: Path) -> Place:
    """The place of `home`'s server, with its folders made as far as they are missing. Raises Unavailable, OSError."""
    home = home.absolute()
    if any(ord(character) < 32 for character in str(home)):
        raise Unavailable("The path of DATAPULSE_HOME holds a control character.", hint="Choose another folder.")
    root = os.geteuid() == 0
    home.mkdir(mode=0o711 if root else 0o700, parents=True, exist_ok=True)
    if find(home) is None:
        if root:
            _make_for_root(home)
        else:
            _make_folder(home / "postgres", 0o700)
    _make_folder(home / "log", 0o700)
    place = find(home)
    if place is None:
        raise FileNotFoundError(None, "it was removed while it was being made", str(home))
    return place


def socket_folder(place: Place, owner: tuple[int, int]) -> Path:
    """The private folder for the socket, made if need be; `owner` are the server's user and group id.

    In the base where its path is short enough, else under the system's folder for temporary files with a name that
    nobody can foresee, the same one as before if it is still ours. Raises OSError.
    """
    inside = place.base / "run"
    if fits(inside):
        _make_private(inside, owner)
        return inside
    note = place.base / "run.path"
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        before = Path(note.read_text(encoding="utf-8"))
        _make_private(before, owner)
        return before
    import secrets

    # Not the runtime folder first: it goes when its user logs out, and a pinned server stays.
    parents = ["/tmp", os.environ.get("TMPDIR"), os.environ.get("XDG_RUNTIME_DIR"), "/var/tmp"]  # noqa: S108
    for folder in (Path(parent, f"datapulse-{secrets.token_hex(6)}") for parent in parents if parent):
        if fits(folder):
            with suppress(OSError):
                _make_private(folder, owner)
                write(note, str(folder))
                return folder
    raise OSError(None, "no folder for temporary files can hold the server's socket")


def fits(folder: Path) -> bool:
    """True when a socket in `folder` can be named to PostgreSQL, to libpq and in a URL."""
    try:
        length = len(str(folder / SOCKET_NAME).encode())
    except UnicodeEncodeError:
        return False
    # A comma separates hosts in libpq.
    return length <= SOCKET_BYTES and "," not in str(folder)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file so that readers see all of it or none."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")  # others may write the same file at this moment
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    new.replace(path)


def _make_for_root(home: Path) -> None:
    """Under `home` where the server's user can reach it, else in the system's state folder with a link to it."""
    from datapulse_tui.data.embedded import account

    owner = home.stat().st_uid
    if owner != 0:
        raise _not_ours(home, owner)
    uid, gid = account.ensure()
    with account.Alone():
        if find(home) is not None:
            return  # somebody else made it while we waited
        if account.can_reach(home, uid, gid) and fits(home.resolve() / "postgres" / "run"):
            _make_folder(home / "postgres", 0o711)
            return
        folder = account.folder_for(home.resolve())
        write(folder / "home", f"{home}\n")
        (home / "postgres").symlink_to(folder)


def _make_folder(path: Path, mode: int) -> None:
    """Make the folder with exactly this mode, whatever the umask; leave one that is there as it is."""
    try:
        path.mkdir(mode)
    except FileExistsError:
        return
    path.chmod(mode)


def _make_private(folder: Path, owner: tuple[int, int]) -> None:
    """Make `folder` for `owner` alone, or see that it is that already. Raises PermissionError when it is not."""
    try:
        folder.mkdir(0o700)
        if os.geteuid() != owner[0]:
            os.chown(folder, *owner)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner[0] or found.st_mode & 0o077:
            reason = "it is not a private folder of the server's user"
            raise PermissionError(errno.EPERM, reason, str(folder)) from None


def _not_ours(home: Path, owner: int) -> Unavailable:
    import pwd

    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"user {owner}"
    return Unavailable(
        f"The folder {home} belongs to {name}, so its embedded database is not touched.",
        hint=f"Run DataPulse as {name}, or choose a folder of your own with DATAPULSE_HOME.",
    )
