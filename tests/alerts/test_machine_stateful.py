"""The state machine against a second implementation, which knows no states.

It keeps the whole log of what was seen and reads from it, from the beginning each time, when there were episodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from datapulse_tui.alerts.machine import Condition, Reason, Series, Transition, missing, reset, step
from datapulse_tui.alerts.rules import SeriesState, ThresholdType

BEGINNING = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One line of the log: `kind` is breach, clear, between, missing or reset; `at` in seconds."""

    at: float
    kind: str


@dataclass(frozen=True)
class Story:
    """What a log tells: what the incident heard and when, and what is going on at its end."""

    heard: tuple[tuple[float, str], ...]
    ending: str


def tell(log: list[Entry], wait: float, keep: float) -> Story:
    """Cut the log where everything begins anew, and tell the pieces."""
    heard: list[tuple[float, str]] = []
    piece: list[Entry] = []
    for position, entry in enumerate(log):
        gone = entry.kind == "missing" and position > 0 and log[position - 1].kind == "missing"
        if gone or entry.kind == "reset":
            said, ending = tell_piece(piece, wait, keep)
            heard += said
            if ending in ("firing", "recovering"):
                heard.append((entry.at, "resolved"))
            piece = []
        elif entry.kind != "missing":
            piece.append(entry)
    said, ending = tell_piece(piece, wait, keep)
    return Story((*heard, *said), ending)


def tell_piece(piece: list[Entry], wait: float, keep: float) -> tuple[list[tuple[float, str]], str]:
    """The episodes of a piece of log in which nothing is missing twice, one after the other."""
    heard: list[tuple[float, str]] = []
    rest = piece
    while True:
        first = find(rest, 0, "breach")
        if first is None:
            return heard, "normal"
        over = find(rest, first, "clear")
        fired = ripe(rest, first, len(rest) if over is None else over, "breach", wait)
        if fired is None:
            if over is None:
                return heard, "pending"
            rest = rest[over + 1 :]
            continue
        heard.append((rest[fired].at, "fired"))
        end, ending = find_end(rest, fired, keep)
        if end is None:
            return heard, ending
        heard.append((rest[end].at, "resolved"))
        rest = rest[end + 1 :]


def find_end(piece: list[Entry], fired: int, keep: float) -> tuple[int | None, str]:
    """Where an episode ends: at a clear that is `keep` later than the first clear after the last breach."""
    calm = find(piece, fired, "clear")
    while calm is not None:
        again = find(piece, calm, "breach")
        end = ripe(piece, calm, len(piece) if again is None else again, "clear", keep)
        if end is not None:
            return end, ""
        if again is None:
            return None, "recovering"
        calm = find(piece, again, "clear")
    return None, "firing"


def find(piece: list[Entry], start: int, kind: str) -> int | None:
    return next((at for at in range(start, len(piece)) if piece[at].kind == kind), None)


def ripe(piece: list[Entry], start: int, stop: int, kind: str, seconds: float) -> int | None:
    """The first entry of `kind` that is `seconds` later than `start`, counted anew where the clock was put back."""
    for at in range(start, stop):
        if piece[at].kind == kind and piece[at].at - min(entry.at for entry in piece[start : at + 1]) >= seconds:
            return at
    return None


class Machine(RuleBasedStateMachine):
    """Anything that evaluations can see, in any order; the two must tell the same at any time."""

    series: Series | None = None

    @initialize(
        wait=st.sampled_from([0, 60, 150]),
        keep=st.sampled_from([0, 60, 150]),
        recovery=st.sampled_from([None, 80.0]),
        upside_down=st.booleans(),
    )
    def begin(self, wait: int, keep: int, recovery: float | None, upside_down: bool) -> None:
        self.sign = -1.0 if upside_down else 1.0
        kind = ThresholdType.BELOW if upside_down else ThresholdType.ABOVE
        back = None if recovery is None else self.sign * recovery
        self.condition = Condition(kind, self.sign * 90.0, back, wait, keep)
        self.recovery = recovery
        self.now = 0.0
        self.log: list[Entry] = []
        self.heard: list[tuple[float, str]] = []

    def moment(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.now)

    def note(self, kind: str) -> None:
        self.log.append(Entry(self.now, kind))

    @rule(
        value=st.sampled_from([90.1, 90.0, 85.0, 80.0, 79.9, math.inf, -math.inf]),
        seconds=st.sampled_from([60, 61]),
        times=st.integers(1, 4),
    )
    def see(self, value: float, seconds: int, times: int) -> None:
        within = self.recovery is not None and value > self.recovery
        for _ in range(times):
            self.now += seconds
            self.note("breach" if value > 90 else "between" if within else "clear")
            self.take(step(self.condition, self.series, self.sign * value, self.moment()))

    @rule(value=st.sampled_from([None, math.nan]))
    def see_nothing(self, value: float | None) -> None:
        self.now += 60
        self.note("missing")
        self.take(step(self.condition, self.series, value, self.moment()))

    @rule()
    def miss(self) -> None:
        self.now += 60
        self.note("missing")
        self.take(missing(self.series, self.moment()))

    @rule(seconds=st.sampled_from([-3_600, -90, -1, 1, 90, 86_400]))
    def jump(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def change_the_rule(self) -> None:
        if self.series is not None:
            self.note("reset")
            self.take(reset(self.series, Reason.RULE_CHANGED, self.moment()))

    def take(self, taken: object) -> None:
        assert hasattr(taken, "series")
        assert taken.changed == (taken.series != self.series)
        self.series = taken.series
        if taken.transition is not None:
            self.heard.append((self.now, "fired" if taken.transition is Transition.FIRED else "resolved"))

    @invariant()
    def both_tell_the_same(self) -> None:
        if not hasattr(self, "log"):
            return
        story = tell(self.log, self.condition.for_seconds, self.condition.keep_firing_seconds)
        assert tuple(self.heard) == story.heard
        assert (self.series.state if self.series else SeriesState.NORMAL) == story.ending

    @invariant()
    def every_firing_ends_before_the_next(self) -> None:
        words = [word for _, word in getattr(self, "heard", ())]
        assert words[::2] == ["fired"] * len(words[::2])
        assert words[1::2] == ["resolved"] * len(words[1::2])


TestMachine = Machine.TestCase
TestMachine.settings = settings(stateful_step_count=40)
