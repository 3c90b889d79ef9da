"""Public SSH keys of every kind, made here: what `ssh-keygen` would write, without needing it."""

from __future__ import annotations

import base64
import struct

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)


def _line(key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def ed25519_key() -> str:
    return _line(ed25519.Ed25519PrivateKey.generate().public_key())


def ecdsa_key(curve: ec.EllipticCurve | None = None) -> str:
    return _line(ec.generate_private_key(curve or ec.SECP256R1()).public_key())


def rsa_key(bits: int) -> str:
    return _line(rsa.generate_private_key(65537, bits).public_key())


def sk_key() -> str:
    """A key of a security token."""
    raw = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    parts = (b"sk-ssh-ed25519@openssh.com", raw, b"ssh:")
    blob = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()}"


def dsa_key() -> str:
    """What looks like a DSA key; nobody reads further than its kind."""
    return f"ssh-dss {base64.b64encode(struct.pack('>I', 7) + b'ssh-dss').decode()}"


def certificate() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    builder = SSHCertificateBuilder().public_key(key.public_key()).type(SSHCertificateType.USER)
    return builder.valid_for_all_principals().valid_before(2**63).valid_after(0).sign(key).public_bytes().decode()


def private_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
