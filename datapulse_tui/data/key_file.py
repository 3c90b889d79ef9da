"""The file that holds an installation's secret keys: one a line, the newest first, of its owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from datapulse_tui.errors import DataPulseError, Invalid


class SecretUnreadable(DataPulseError):
    """A stored secret cannot be opened with the keys that are there."""


class Stamp(NamedTuple):
    """What tells one version of the file from another without reading it."""

    device: int
    inode: int
    changed: int
    size: int


class KeyFile(NamedTuple):
    """The keys as they stood in the file, the newest first."""

    keys: tuple[str, ...]
    stamp: Stamp


def new_key() -> str:
    """A key that nobody had before: 32 bytes in URL-safe base64."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode("ascii")


def stamp_of(path: Path) -> Stamp | None:
    """The file's stamp now; None when it cannot be looked at."""
    try:
        return _stamp(path.lstat())
    except OSError:
        return None


def read(path: Path, *, make: bool) -> KeyFile:
    """The keys in the file at `path`; with `make` the file is made, with one key, when there is none.

    Raises SecretUnreadable when the file is gone, Invalid when it is not a plain file, or one that others can read.
    """
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            if not make:
                raise SecretUnreadable(
                    f"A stored secret cannot be opened: the key file {path} is gone. Nothing was changed.",
                    hint="Bring the file back from a backup, or enter the secret again: "
                    "datapulse source update NAME --password-stdin",
                ) from None
            _make(path)
            continue
        except OSError as error:
            raise Invalid(
                f"The key file {path} cannot be read: {error.strerror}.",
                hint="Make it a plain file that belongs to the user who runs DataPulse, with mode 600.",
            ) from None
        with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
            found = os.fstat(file.fileno())
            mode = stat.S_IMODE(found.st_mode)
            if os.name == "posix" and mode & 0o077:
                raise Invalid(
                    f"The key file {path} can be read by others (mode {mode:o}), so its secrets are not safe.",
                    hint=f"Run: chmod 600 {path}. If others may have read it, change the secrets as well.",
                )
            return KeyFile(tuple(file.read().split()), _stamp(found))
    raise Invalid(f"The key file {path} cannot be made.", hint="Check that its folder can be written.")


def replace(path: Path, keys: Sequence[str]) -> None:
    """Put these keys in the place of those in the file, whole or not at all, and leave it to the same owner.

    Whoever reads meanwhile reads the one or the other. Raises Invalid when the folder cannot be written.
    """
    with _draft(path, keys) as draft:
        owner = path.stat()
        if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):  # only root can; nobody else gets this far with another's file
                os.chown(draft, owner.st_uid, owner.st_gid)
        draft.replace(path)
        _keep_folder(path.parent)


def _make(path: Path) -> None:
    """Make the file whole or not at all: of two processes at once, one wins and both then read the winner's key."""
    with _draft(path, [new_key()]) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)
        _keep_folder(path.parent)


@contextlib.contextmanager
def _draft(path: Path, keys: Sequence[str]) -> Iterator[Path]:
    """A file beside `path` with these keys, on the disk; gone afterwards unless it was moved."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write("".join(f"{key}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        yield draft
    except OSError as error:
        raise Invalid(
            f"The key file {path} cannot be made: {error.strerror}.",
            hint="Make its folder writable, or give a key in DATAPULSE_SECRET_KEY.",
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _keep_folder(folder: Path) -> None:
    """Have the folder itself on the disk, so that a power cut does not bring the file before back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
