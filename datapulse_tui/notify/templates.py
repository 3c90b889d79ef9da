"""The message that a rule's author writes: text with {placeholders} from a fixed list, and nothing else.

There is no code, no attribute and no format specification: a placeholder is a word that is looked up. Values are made
inert before they are put in, and what they contain is never looked at again.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from datapulse_tui.errors import Invalid
from datapulse_tui.notify.timing import zone_of

LONGEST_TEMPLATE = 2000  # characters
LONGEST_VALUE = 300
LONGEST_LABEL_NAME = 100
CUT = "…"

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_LABEL = "labels."
_NOTHING = "(none)"


def check_template(text: str) -> None:
    """Raise Invalid, with the position (from 1), unless `text` holds only placeholders that exist.

    `{{` and `}}` stand for the braces themselves.
    """
    if len(text) > LONGEST_TEMPLATE:
        raise Invalid(
            f"The message has {len(text):,} characters and may have {LONGEST_TEMPLATE:,}. Nothing was changed.",
            hint="Make it shorter.",
        )
    for found in _PART.finditer(text):
        part, name = found[0], found[1]
        if part in ("{{", "}}") or (name is not None and _known(name)):
            continue
        where = f"at character {found.start() + 1} of the message"
        if name is None:
            raise Invalid(
                f"A single {part} {where} belongs to no placeholder. Nothing was changed.",
                hint="Write {{ or }} for a brace, or complete the placeholder: {value}.",
            )
        shown = inert(name, 40)
        raise Invalid(
            f"{{{shown}}} {where} is not a placeholder. Nothing was changed.",
            hint=f"There are: {', '.join(f'{{{each}}}' for each in _FACTS)} and {{labels.NAME}}.",
        )


def fill(text: str, facts: Mapping[str, Any]) -> str:
    """`text` with its placeholders replaced; line ends of the template stay, those of values do not.

    What is no placeholder (an older rule may hold it) stays as it is written.
    """

    def value(found: re.Match[str]) -> str:
        part, name = found[0], found[1]
        if part in ("{{", "}}"):
            return part[0]
        return _value(name, facts) if name is not None and _known(name) else part

    filled = _PART.sub(value, text[:LONGEST_TEMPLATE])
    return "\n".join(inert(line, LONGEST_TEMPLATE * 2) for line in filled.splitlines())


def inert(value: object, longest: int = LONGEST_VALUE) -> str:
    """`value` as text on one line: no control, direction or line-breaking characters, at most `longest` characters."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > 4 * longest:
        text = text[: 4 * longest]
    if not (text.isascii() and text.isprintable()):
        text = "".join(_harmless(character) for character in text)
    return text if len(text) <= longest else text[: longest - 1] + CUT


def number(value: object) -> str:
    """A number as people write it; anything else as inert text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return inert(value)
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:,.6g}"


def moment(value: object, zone: str) -> str:
    """A time in ISO 8601 as a clock in `zone` shows it; anything else as inert text."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return inert(value)
    if found.tzinfo is None:
        return inert(value)
    return found.astimezone(zone_of(zone)).strftime("%Y-%m-%d %H:%M %Z")


def label_text(facts: Mapping[str, Any]) -> str:
    """The labels of a series: `region=eu service=checkout`."""
    labels = facts.get("labels")
    if not isinstance(labels, Mapping):
        return ""
    return inert(" ".join(f"{inert(name, 60)}={inert(value, 100)}" for name, value in labels.items()))


def _fact(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda facts: _NOTHING if facts.get(key) in (None, "") else number(facts[key])


_FACTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "value": _fact("value"),
    "threshold": _fact("threshold"),
    "labels": lambda facts: label_text(facts) or _NOTHING,
    "rule": _fact("rule"),
    "title": _fact("title"),
    "metric": _fact("metric"),
    "severity": _fact("severity"),
    "state": _fact("state"),
    "number": _fact("number"),
    "started": lambda facts: moment(facts.get("opened_at") or _NOTHING, str(facts.get("zone") or "UTC")),
    "runbook": _fact("runbook_url"),
    "comment": _fact("comment"),
    "who": _fact("who"),
    "url": _fact("url"),
}


def _known(name: str) -> bool:
    return name in _FACTS or (name.startswith(_LABEL) and 0 < len(name) - len(_LABEL) <= LONGEST_LABEL_NAME)


def _value(name: str, facts: Mapping[str, Any]) -> str:
    if name in _FACTS:
        return _FACTS[name](facts)
    labels = facts.get("labels")
    found = labels.get(name.removeprefix(_LABEL)) if isinstance(labels, Mapping) else None
    return _NOTHING if found is None else inert(found)


def _harmless(character: str) -> str:
    kind = unicodedata.category(character)
    if character == "\N{ZERO WIDTH JOINER}":  # holds emoji together
        return character
    if kind in ("Cf", "Cs", "Co", "Cn"):
        return ""
    return " " if kind in ("Cc", "Zl", "Zp", "Zs") else character
