"""What verbs on many things at once share: why one of them is refused, and the comment that goes with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from datapulse_tui.errors import DataPulseError, Invalid

LONGEST_COMMENT = 10_000

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done with one thing: the error that says so, and the words for it."""

    error: type[DataPulseError]
    message: str
    hint: str = ""


def raise_if_single(titles: Mapping[Key, str], refused: Mapping[Key, Refusal]) -> None:
    """Raise the refusal where there was only one thing (`titles` names them all) and it was refused."""
    if len(titles) == 1 and refused:
        refusal = next(iter(refused.values()))
        title = next(iter(titles.values()))
        about = f"{title}: {refusal.message}" if title else f"{refusal.message[:1].upper()}{refusal.message[1:]}"
        raise refusal.error(f"{about}. Nothing was changed.", hint=refusal.hint)


def kept_comment(text: str) -> str:
    """A comment as it is kept: trimmed, without what PostgreSQL cannot hold. Raises Invalid for one that is empty or
    too long."""
    said = text.strip().replace("\0", "").encode("utf-8", "replace").decode()
    if not said:
        raise Invalid("The comment is empty. Nothing was changed.", hint="Write a few words.")
    if len(said) > LONGEST_COMMENT:
        raise Invalid(
            f"The comment has {len(said):,} characters, and at most {LONGEST_COMMENT:,} are kept. Nothing was changed."
        )
    return said
