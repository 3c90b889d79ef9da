"""Secrets at rest: encrypted inside JSONB, opened only where they are used, never shown.

A secret is stored as `{"$secret": "<token>"}`. The keys come from DATAPULSE_SECRET_KEY (several, separated by commas:
the first encrypts, all decrypt) or from a key file in DATAPULSE_HOME that the first use makes. Who runs for long sees
by itself that the file has other keys now: `datapulse secrets rotate` asks nobody to start again.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from datapulse_tui.data import key_file
from datapulse_tui.data.key_file import SecretUnreadable
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from cryptography.fernet import Fernet, MultiFernet

    from datapulse_tui.config import Settings

__all__ = ["HIDDEN", "MARK", "Derived", "SecretBox", "SecretUnreadable", "redact", "tokens"]

MARK = "$secret"
HIDDEN = "•••"
KEY_FILE = "secret.key"


class Derived(NamedTuple):
    """A key made from one of the installation's keys for one purpose; `id` names it and tells nothing of it."""

    id: str
    key: bytes


class _Ring(NamedTuple):
    """The keys as they were read; `stamp` is the file's, None for those of the environment."""

    keys: tuple[str, ...]
    first: Fernet
    all: MultiFernet
    stamp: key_file.Stamp | None


class SecretBox:
    """Encrypts and decrypts with the keys of one installation. Reads them when first needed.

    `keys` are given, or `None` to use the key file at `path`. Raises Invalid for a malformed key or a key file that
    others can read, SecretUnreadable for a lost or wrong key. Its repr shows nothing.
    """

    def __init__(self, keys: Sequence[str] | None, path: Path) -> None:
        self._keys = None if keys is None else tuple(keys)
        self._path = path
        self._ring: _Ring | None = None

    def __repr__(self) -> str:
        return "SecretBox()"

    @classmethod
    def from_settings(cls, settings: Settings) -> SecretBox:
        """The box of an installation; nothing is read yet."""
        given = settings.secret_key
        keys = None if given is None else [key.strip() for key in given.get_secret_value().split(",") if key.strip()]
        return cls(keys or None, settings.home / KEY_FILE)

    @property
    def path(self) -> Path | None:
        """The key file; None when the keys come from the environment."""
        return self._path if self._keys is None else None

    def encrypt(self, text: str) -> str:
        """`text` as a token under the first key of now. Makes the key file when there is none."""
        return self._now(make=True).all.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The text of `token`; SecretUnreadable when no key fits."""
        return self._opened_by(token).all.decrypt(token.encode()).decode()

    def seal(self, document: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
        """A copy of `document` in which the texts under `fields` are encrypted; None and sealed ones stay."""
        return {
            key: {MARK: self.encrypt(value)} if key in fields and isinstance(value, str) else value
            for key, value in document.items()
        }

    def unseal(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of `document` with its secrets in plain text: hand it to what needs it, and to nothing else."""
        return {key: self.decrypt(value[MARK]) if is_sealed(value) else value for key, value in document.items()}

    # -- several keys --------------------------------------------------------------------------------------------------

    def keys(self) -> tuple[str, ...]:
        """The keys as they are now, the newest first: for who changes them, and for nobody else."""
        return self._now(make=False).keys

    def is_current(self, token: str) -> bool:
        """Whether `token` is under the first key of now; False as well where no key fits."""
        from cryptography.fernet import InvalidToken

        try:
            self._now(make=False).first.decrypt(token.encode())
        except InvalidToken:
            return False
        return True

    def renew(self, token: str) -> str:
        """`token` under the first key of now, with the time at which it was made; SecretUnreadable when no key fits."""
        self._opened_by(token)
        return self._now(make=False).all.rotate(token.encode()).decode()

    def derived(self, purpose: str, *, make: bool = False) -> tuple[Derived, ...]:
        """A key for `purpose` from each key of now, the newest first (HKDF, RFC 5869). None of them tells the key that
        it is from, nor one for another purpose."""
        return tuple(
            Derived(_hkdf(key, f"{purpose}: id", 4).hex(), _hkdf(key, purpose, 32)) for key in self._now(make=make).keys
        )

    # -- inside --------------------------------------------------------------------------------------------------------

    def _origin(self) -> str:
        return f"the one in {self._path}" if self._keys is None else "those in DATAPULSE_SECRET_KEY"

    def _opened_by(self, token: str) -> _Ring:
        """The ring that opens `token`: the one at hand, or the one that the file holds by now."""
        from cryptography.fernet import InvalidToken

        for ring in (self._ring or self._now(make=False), self._now(make=False)):
            try:
                ring.all.decrypt(token.encode())
            except InvalidToken:
                continue
            return ring
        raise SecretUnreadable(
            f"A stored secret cannot be opened: it was encrypted with another key than {self._origin()}. "
            "It was not changed.",
            hint="Bring back the earlier key (it can stand second in DATAPULSE_SECRET_KEY), or enter the secret "
            "again: datapulse source update NAME --password-stdin",
        )

    def _now(self, *, make: bool) -> _Ring:
        """The keys of now. A file that went away after it was read does not take them away."""
        ring = self._ring
        if ring is not None and (self._keys is not None or key_file.stamp_of(self._path) in (ring.stamp, None)):
            return ring
        self._ring = ring = self._read(make=make)
        return ring

    def _read(self, *, make: bool) -> _Ring:
        from cryptography.fernet import Fernet, MultiFernet

        keys, stamp = (self._keys, None) if self._keys is not None else key_file.read(self._path, make=make)
        try:
            fernets = [Fernet(key) for key in keys]
            return _Ring(keys, fernets[0], MultiFernet(fernets), stamp)
        except (ValueError, IndexError):
            raise Invalid(
                f"A secret key is not valid ({self._origin()}): it must be 32 bytes in URL-safe base64.",
                hint="Make one with: python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'",
            ) from None


def _hkdf(key: str, purpose: str, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt=None, info=purpose.encode()).derive(base64.urlsafe_b64decode(key))


def is_sealed(value: object) -> bool:
    """Whether `value` is a secret as `SecretBox.seal` stores it."""
    return isinstance(value, dict) and set(value) == {MARK} and isinstance(value[MARK], str)


def redact(value: Any) -> Any:
    """A copy of a JSON value in which every stored secret is only a row of dots: for the trail, exports and screens."""
    if is_sealed(value):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def tokens(value: Any) -> list[str]:
    """The tokens of every secret that is stored anywhere inside a JSON value."""
    if is_sealed(value):
        return [value[MARK]]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [token for part in parts for token in tokens(part)]
