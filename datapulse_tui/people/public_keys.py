"""Reading a public SSH key that somebody pasted: which kinds are taken, and why others are not. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import warnings
from dataclasses import dataclass

from datapulse_tui.errors import Invalid

LONGEST_TEXT = 20_000  # characters of what is pasted
LEAST_RSA_BITS = 3072
MOST_RSA_BITS = 16_384

TYPES = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip

_PRIVATE = re.compile(r"PRIVATE KEY|PuTTY-User-Key-File|PRIVATE-KEY|BEGIN SSH2 ENCRYPTED", re.IGNORECASE)
# `[options] type base64 [comment]`, where options may hold blanks in quotes (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
_LINE = re.compile(
    r"(?P<options>(?:[^\s\"]|\"(?:[^\"\\]|\\.)*\")+[ \t]+)?"
    r"(?P<type>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[A-Za-z0-9@.-]+)[ \t]+(?P<blob>[A-Za-z0-9+/]+=*)"
    r"(?:[ \t]+(?P<comment>.*))?"
)


class PrivateKeyGiven(Invalid):
    """Somebody pasted a private key. It was neither stored nor logged, and is in no message."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that can be used. `text` is `type base64` without comment and options, `fingerprint` what
    `ssh-keygen -l` prints, `bits` its length; `options` says that options stood before it, which are not kept."""

    type: str
    text: str
    fingerprint: str
    bits: int
    comment: str
    options: bool


def parse(text: str) -> PublicKey:
    """The public key in `text`, which may have options and a comment around it.

    Raises PrivateKeyGiven, and Invalid with the reason for what is no public key, one of a kind that is not taken, one
    that is too weak, a certificate, or several. No message holds what was given.
    """
    if _PRIVATE.search(text):
        raise PrivateKeyGiven(
            "This is a PRIVATE key. It was not stored, and nothing was changed.",
            hint="Give the public one, from the file that ends with .pub. If others could see what you pasted, make a "
            "new pair of keys.",
        )
    if len(text) > LONGEST_TEXT:
        raise _refused("it is too long to be a public key")
    lines = [line.strip() for line in text.strip().splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise _refused("there is nothing in it")
    if lines[0].startswith("---"):
        raise _refused("it is not in the form that OpenSSH uses", hint="Convert it: ssh-keygen -i -f FILE")
    if len(lines) > 1:
        raise _refused("there is more than one line", hint="Give one key at a time, on one line.")
    found = _LINE.fullmatch(lines[0])
    if found is None:
        raise _refused("it is no public key", hint="It looks like: ssh-ed25519 AAAA... name")
    return _checked(found["type"], found["blob"], found["comment"] or "", options=bool(found["options"]))


def _checked(type_: str, blob: str, comment: str, *, options: bool) -> PublicKey:
    if "-cert-" in type_:
        raise _refused("it is a certificate", hint="Give the key itself, from the file that ends with .pub.")
    if type_ == "ssh-dss":
        raise _refused("DSA keys are too weak", hint="Make one: ssh-keygen -t ed25519")
    if type_ not in TYPES:
        raise _refused("its kind is not known here", hint=f"Known kinds: {', '.join(TYPES)}.")
    try:
        raw = base64.b64decode(blob, validate=True)
    except binascii.Error:
        raise _refused("it is cut off or was changed on its way") from None
    bits = _bits(type_, raw)
    canonical = base64.b64encode(raw).decode("ascii")
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode("ascii").rstrip("=")
    return PublicKey(type_, f"{type_} {canonical}", f"SHA256:{digest}", bits, comment.strip(), options)


def _bits(type_: str, raw: bytes) -> int:
    """The length of the key in bits. Raises Invalid for one that cannot be read or is too weak."""
    with warnings.catch_warnings():  # of the library, about kinds that were refused before
        warnings.simplefilter("ignore")
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
        from cryptography.hazmat.primitives.serialization import load_ssh_public_key

        try:
            key = load_ssh_public_key(type_.encode("ascii") + b" " + base64.b64encode(raw))
        except (ValueError, UnsupportedAlgorithm):
            raise _refused("it is cut off, was changed on its way, or is not of the kind that it says") from None
    if isinstance(key, rsa.RSAPublicKey):
        if not LEAST_RSA_BITS <= key.key_size <= MOST_RSA_BITS:
            raise _refused(
                f"an RSA key of {key.key_size} bits is {'too weak' if key.key_size < LEAST_RSA_BITS else 'too long'}",
                hint=f"It needs {LEAST_RSA_BITS} bits or more. Better: ssh-keygen -t ed25519",
            )
        return key.key_size
    return key.key_size if isinstance(key, ec.EllipticCurvePublicKey) else 256


def _refused(reason: str, *, hint: str = "") -> Invalid:
    return Invalid(f"This key cannot be used: {reason}. Nothing was changed.", hint=hint)
