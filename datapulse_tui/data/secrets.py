"""Secrets at rest: encrypted inside JSONB, opened only where they are used, never shown.

A secret is stored as `{"$secret": "<token>"}`. The key comes from DATAPULSE_SECRET_KEY (several, separated by commas:
the first encrypts, all decrypt) or from a key file in DATAPULSE_HOME that the first use makes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datapulse_tui.errors import DataPulseError, Invalid

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

    from datapulse_tui.config import Settings

MARK = "$secret"
HIDDEN = "•••"
KEY_FILE = "secret.key"


class SecretUnreadable(DataPulseError):
    """A stored secret cannot be opened with the keys that are there."""


class SecretBox:
    """Encrypts and decrypts with the keys of one installation. Reads them when first needed.

    `keys` are given, or `None` to use the key file at `path`. Raises Invalid for a malformed key or a key file that
    others can read, SecretUnreadable for a lost or wrong key. Its repr shows nothing.
    """

    def __init__(self, keys: Sequence[str] | None, path: Path) -> None:
        self._keys = None if keys is None else tuple(keys)
        self._path = path
        self._fernet: MultiFernet | None = None

    def __repr__(self) -> str:
        return "SecretBox()"

    @classmethod
    def from_settings(cls, settings: Settings) -> SecretBox:
        """The box of an installation; nothing is read yet."""
        given = settings.secret_key
        keys = None if given is None else [key.strip() for key in given.get_secret_value().split(",") if key.strip()]
        return cls(keys or None, settings.home / KEY_FILE)

    def encrypt(self, text: str) -> str:
        """`text` as a token. Makes the key file when there is none."""
        return self._open(make=True).encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The text of `token`; SecretUnreadable when no key fits."""
        from cryptography.fernet import InvalidToken

        try:
            return self._open(make=False).decrypt(token.encode()).decode()
        except InvalidToken:
            raise SecretUnreadable(
                f"A stored secret cannot be opened: it was encrypted with another key than {self._origin()}. "
                "It was not changed.",
                hint="Bring back the earlier key (it can stand second in DATAPULSE_SECRET_KEY), or enter the secret "
                "again: datapulse source update NAME --password-stdin",
            ) from None

    def seal(self, document: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
        """A copy of `document` in which the texts under `fields` are encrypted; None and sealed ones stay."""
        return {
            key: {MARK: self.encrypt(value)} if key in fields and isinstance(value, str) else value
            for key, value in document.items()
        }

    def unseal(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of `document` with its secrets in plain text: hand it to what needs it, and to nothing else."""
        return {key: self.decrypt(value[MARK]) if _sealed(value) else value for key, value in document.items()}

    def _origin(self) -> str:
        return f"the one in {self._path}" if self._keys is None else "those in DATAPULSE_SECRET_KEY"

    def _open(self, *, make: bool) -> MultiFernet:
        if self._fernet is None:
            from cryptography.fernet import Fernet, MultiFernet

            keys = self._keys if self._keys is not None else (_key_from_file(self._path, make=make),)
            try:
                self._fernet = MultiFernet([Fernet(key) for key in keys])
            except ValueError:
                raise Invalid(
                    f"A secret key is not valid ({self._origin()}): it must be 32 bytes in URL-safe base64.",
                    hint="Make one with: python -c 'from cryptography.fernet import Fernet; "
                    "print(Fernet.generate_key().decode())'",
                ) from None
        return self._fernet


def _sealed(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {MARK} and isinstance(value[MARK], str)


def redact(value: Any) -> Any:
    """A copy of a JSON value in which every stored secret is only a row of dots: for the trail, exports and screens."""
    if _sealed(value):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def _key_from_file(path: Path, *, make: bool) -> str:
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
            _make_key_file(path)
            continue
        except OSError as error:
            raise Invalid(
                f"The key file {path} cannot be read: {error.strerror}.",
                hint="Make it a plain file that belongs to the user who runs DataPulse, with mode 600.",
            ) from None
        with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise Invalid(
                    f"The key file {path} can be read by others (mode {mode:o}), so its secrets are not safe.",
                    hint=f"Run: chmod 600 {path}. If others may have read it, change the secrets as well.",
                )
            return file.read().strip()
    raise Invalid(f"The key file {path} cannot be made.", hint="Check that its folder can be written.")


def _make_key_file(path: Path) -> None:
    """Make the file whole or not at all: of two processes at once, one wins and both then read the winner's key."""
    from cryptography.fernet import Fernet

    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    except OSError as error:
        raise Invalid(
            f"The key file {path} cannot be made: {error.strerror}.",
            hint="Make its folder writable, or give a key in DATAPULSE_SECRET_KEY.",
        ) from None
    finally:
        draft.unlink(missing_ok=True)
