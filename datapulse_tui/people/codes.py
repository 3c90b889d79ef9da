"""Codes and temporary passwords that people read out and type: random, in an alphabet without look-alikes.

Crockford's base32 (https://www.crockford.com/base32.html): no I, L, O and U. What is typed may be in either case, with
O for 0 and I or L for 1, and with blanks or dashes anywhere.
"""

from __future__ import annotations

import hashlib
import secrets

from datapulse_tui.errors import Invalid

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16  # characters of 5 bits: 80 bits
GROUP = 4

_LOOKS_LIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})


def new_code() -> str:
    """A code of an invitation in its canonical form: 16 characters."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def new_password() -> str:
    """A temporary password of 19 characters (80 bits), in lower case and groups, as it has to be typed."""
    while True:
        password = shown(new_code()).lower()
        if len(set(password)) > GROUP:  # all but one in 10^15: `rules.check_new_password` asks for some variety
            return password


def shown(code: str) -> str:
    """A canonical code as it is written: `7K2M-Q4TD-09WX-ABCD`."""
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def canonical(typed: str) -> str:
    """The code that was typed. Raises Invalid for what can be none; the message does not hold it."""
    code = typed.strip().upper().translate(_LOOKS_LIKE) if typed.isascii() else ""
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        raise Invalid(
            f"This is not an invitation code: it has {LENGTH} letters and digits. Nothing was changed.",
            hint="Type it as it stands in the invitation, such as 7K2M-Q4TD-09WX-ABCD.",
        )
    return code


def digest(code: str) -> bytes:
    """What is kept of a canonical code: it has 80 random bits, so one round of SHA-256 hides it."""
    return hashlib.sha256(code.encode("ascii")).digest()
