"""What a check comes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`skipped`: what it needs is not there, and another check says so."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"
    SKIPPED = "skipped"

    @property
    def sign(self) -> str:
        """One cell that means the same; the word stands beside it."""
        return {"ok": "●", "warning": "▲", "bad": "✗", "skipped": "○"}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `says` what is, `means` what that means for people and data, `todo` what to do."""

    verdict: Verdict
    says: str
    means: str = ""
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """A finding under the name of its check; `took` is in seconds."""

    check: str
    title: str
    finding: Finding
    took: float = 0.0


def ok(says: str) -> Finding:
    """All is well."""
    return Finding(Verdict.OK, says)


def warning(says: str, means: str, todo: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(Verdict.WARNING, says, means, todo)


def bad(says: str, means: str, todo: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(Verdict.BAD, says, means, todo)


def skipped(says: str) -> Finding:
    """It could not be looked at."""
    return Finding(Verdict.SKIPPED, says)


def healthy(found: Sequence[Examined]) -> bool:
    """Whether nothing is bad."""
    return all(each.finding.verdict is not Verdict.BAD for each in found)
