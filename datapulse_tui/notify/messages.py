"""What people read: one message of one or many things to tell, in the form that each channel can carry. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datapulse_tui.notify.templates import CUT, fill, inert, label_text, moment, number

MOST_LISTED = 20
LONGEST_SUBJECT = 150  # characters
LONGEST_SMS = 480  # three parts
LONGEST_TEXT = 40_000

_HEADINGS = {
    "trigger": "{severity}: {title}",
    "update": "Update, {severity}: {title}",
    "resolve": "Resolved: {title}",
    "repeat": "Still open, {severity}: {title}",
    "escalation": "Nobody has acknowledged, {severity}: {title}",
    "notice": "Notice: {title}",
    "test": "Test message from DataPulse",
    "message": "{title}",
}
# How a number of them is counted in a subject, in this order.
_COUNTED = {
    "trigger": "firing",
    "escalation": "escalated",
    "repeat": "still open",
    "update": "changed",
    "notice": "notices",
    "message": "messages",
    "test": "tests",
    "resolve": "resolved",
}
_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery of a message: its `kind`, and the facts to tell."""

    kind: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Composed:
    """A message to read: a subject on one line, and a text of several."""

    subject: str
    text: str


def compose(items: Sequence[Item]) -> Composed:
    """The message for e-mail and Slack. At most `MOST_LISTED` items are told one by one, the worst first."""
    ordered = _worst_first(items)
    listed = ordered[:MOST_LISTED]
    subject = _subject(ordered)
    if len(ordered) == 1:
        return Composed(subject, _bounded(_single(ordered[0])))
    parts = ["\n".join(_lines(item, brief=True)) for item in listed]
    if len(ordered) > len(listed):
        parts.append(f"and {len(ordered) - len(listed):,} more")
    return Composed(subject, _bounded("\n\n".join([subject, *parts])))


def compose_short(items: Sequence[Item]) -> str:
    """The message for SMS: at most `LONGEST_SMS` characters."""
    ordered = _worst_first(items)
    if len(ordered) == 1:
        facts = ordered[0].facts
        own = fill(str(facts["message"]), facts) if facts.get("message") else _measured(facts)
        told = (_heading(ordered[0]), _labels(ordered[0]), own)
        return inert(" ".join(part for part in told if part), LONGEST_SMS)
    first = f"first: {_heading(ordered[0])} {_labels(ordered[0])}".rstrip()
    return inert(f"{_subject(ordered)}; {first}", LONGEST_SMS)


def _subject(items: Sequence[Item]) -> str:
    first = items[0]
    if len(items) == 1:
        return inert(f"{_heading(first)} {_labels(first)}".rstrip(), LONGEST_SUBJECT)
    counts = [
        f"{count:,} {word}" for kind, word in _COUNTED.items() if (count := sum(item.kind == kind for item in items))
    ]
    # Of very many only the first come with their facts.
    rules = {str(item.facts["rule"]) for item in items if item.facts.get("rule")}
    about = f"{len(rules):,} rules" if len(rules) > 1 else inert("".join(rules) or "DataPulse", 80)
    digest = "Digest, " if first.facts.get("digest") else ""
    return inert(f"{digest}{about}: {', '.join(counts)}", LONGEST_SUBJECT)


def _heading(item: Item) -> str:
    title = item.facts.get("title") or item.facts.get("rule") or "DataPulse"
    severity = inert(item.facts.get("severity") or "alert", 20).capitalize()
    # not `format`: the title is somebody else's text
    return _HEADINGS[item.kind].replace("{severity}", severity).replace("{title}", inert(title, 120))


def _labels(item: Item) -> str:
    """The labels, unless the title says them already."""
    labels = label_text(item.facts)
    return "" if labels in inert(item.facts.get("title") or "", 500) else labels


def _single(item: Item) -> str:
    return "\n".join(_lines(item, brief=False))


_Line = Callable[[Mapping[str, Any]], str]

_DETAILS: tuple[tuple[str, _Line], ...] = (
    ("Labels", label_text),
    ("Value", lambda facts: _measured(facts)),
    ("Since", lambda facts: moment(facts["opened_at"], _zone(facts)) if facts.get("opened_at") else ""),
    ("State", lambda facts: inert(facts.get("state") or "")),
    ("By", lambda facts: inert(facts.get("who") or "")),
    ("Comment", lambda facts: inert(facts.get("comment") or "", 500)),
    ("Runbook", lambda facts: inert(facts.get("runbook_url") or "", 1000)),
    ("Open", lambda facts: inert(facts.get("url") or "", 1000)),
)
_BRIEF = frozenset({"Labels", "Value", "Since", "Runbook"})


def _lines(item: Item, *, brief: bool) -> list[str]:
    facts = item.facts
    incident = f" (#{inert(facts['number'], 20)})" if facts.get("number") else ""
    lines = [f"{_heading(item)}{incident}"]
    if item.kind == "test":
        return [*lines, "", "If you can read this, the channel works."]
    own = fill(str(facts["message"]), facts) if facts.get("message") else ""
    if item.kind == "message":
        body = "\n".join(inert(line, 2000) for line in str(facts.get("text") or "").splitlines())
        return [*lines, *([] if brief else [""]), *([body] if body else [])]
    details = [f"{name}: {told}" for name, told_of in _DETAILS if (told := told_of(facts))]
    if brief:
        details = [f"  {line}" for line in details if line.partition(":")[0] in _BRIEF]
        return [*lines, *(f"  {line}" for line in own.splitlines()), *details]
    return [*lines, "", *([own, ""] if own else []), *details]


def _measured(facts: Mapping[str, Any]) -> str:
    value, threshold = facts.get("value"), facts.get("threshold")
    if value is None:
        return ""
    return number(value) if threshold is None else f"{number(value)} (threshold {number(threshold)})"


def _zone(facts: Mapping[str, Any]) -> str:
    return str(facts.get("zone") or "UTC")


def _worst_first(items: Sequence[Item]) -> list[Item]:
    kinds = list(_COUNTED)

    def rank(item: Item) -> tuple[int, int]:
        severity = item.facts.get("severity")
        worst = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
        return (len(kinds), worst) if item.kind == "resolve" else (0, worst)

    return sorted(items, key=rank)


def _bounded(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + CUT
