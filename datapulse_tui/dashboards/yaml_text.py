"""YAML that strangers wrote, read without trust, and YAML written the same way every time.

What is read is the JSON-like core of YAML 1.2: no tags, no anchors or aliases (so no bombs), no duplicate keys, a limit
on size, depth and number of values. Every value keeps the line that it stands on. Imports ruamel.yaml when it reads.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.events import Event

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Path: TypeAlias = "tuple[str | int, ...]"

SIZE_LIMIT = 512 * 1024  # bytes of a file; a dashboard of twelve widgets has about six thousand
VALUE_LIMIT = 20_000
DEPTH_LIMIT = 20
NUMBER_LIMIT = 2**53  # beyond it a float no longer tells one integer from the next

_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Unreadable(Invalid):
    """The text is no YAML that is accepted here. `line` (from 1) is where, `reason` what was found and expected."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document: its value, and the line (from 1) of each value and of each key by its path."""

    value: Value
    lines: Mapping[Path, int]
    key_lines: Mapping[Path, int]

    def line_of(self, path: Path) -> int:
        """The line of the key or value at `path`, else of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.key_lines.get(path) or self.lines.get(path, 1)


def decode(content: bytes) -> str:
    """The text of a file; Unreadable names the line where it is no UTF-8 or holds a control character."""
    if len(content) > SIZE_LIMIT:
        raise Unreadable(1, f"found a file of {len(content):,} bytes, expected at most {SIZE_LIMIT:,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, f"found the byte 0x{content[error.start]:02x}, expected text in UTF-8") from None
    control = _UNREADABLE.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise Unreadable(line, f"found the control character U+{ord(control[0]):04X}, expected text")
    return text


def read(text: str) -> list[YamlDocument]:
    """Every document of `text`. Raises Unreadable at the first thing that is not accepted."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = _Reader(YAML(typ="safe", pure=True).parse(text))
    try:
        return reader.documents()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part) or "it cannot be read"
        raise Unreadable(mark.line + 1 if mark else 1, f"this is no YAML: {what}") from None
    except (YAMLError, ValueError, AssertionError) as error:
        raise Unreadable(reader.line, f"this is no YAML: {str(error).splitlines()[0][:200]}") from None


class _Reader:
    """Builds plain values from the parser's events, so that nothing but text, numbers and the like can come out."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._count = 0
        self.line = 1
        self._lines: dict[Path, int] = {}
        self._key_lines: dict[Path, int] = {}

    def documents(self) -> list[YamlDocument]:
        from ruamel.yaml.events import DocumentEndEvent, DocumentStartEvent, StreamEndEvent, StreamStartEvent

        found: list[YamlDocument] = []
        for event in self._events:
            self.line = event.start_mark.line + 1
            if isinstance(event, StreamStartEvent | StreamEndEvent | DocumentEndEvent):
                continue
            if isinstance(event, DocumentStartEvent):
                self._lines, self._key_lines = {}, {}
                value = self._value(self._next(), ())
                found.append(YamlDocument(value, self._lines, self._key_lines))
        return found

    def _next(self) -> Event:
        event = next(self._events)
        self.line = event.start_mark.line + 1
        return event

    def _value(self, event: Event, path: Path) -> Value:
        from ruamel.yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

        if isinstance(event, AliasEvent):
            raise Unreadable(self.line, f"found the alias *{event.anchor}, expected the value written out")
        self._refuse_extras(event)
        self._lines[path] = self.line
        self._count += 1
        if self._count > VALUE_LIMIT:
            raise Unreadable(self.line, f"found more than {VALUE_LIMIT:,} values, expected fewer")
        if len(path) > DEPTH_LIMIT:
            raise Unreadable(self.line, f"found more than {DEPTH_LIMIT} levels, expected fewer")
        if isinstance(event, ScalarEvent):
            return _scalar(event.value, self.line, plain=bool(event.implicit[0]))
        if isinstance(event, SequenceStartEvent):
            return self._list(path)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        raise Unreadable(self.line, "this is no YAML: a value is missing")

    def _refuse_extras(self, event: Event) -> None:
        anchor, tag = getattr(event, "anchor", None), getattr(event, "ctag", None)
        if anchor:
            raise Unreadable(self.line, f"found the anchor &{anchor}, expected no anchors")
        if tag is not None:
            raise Unreadable(self.line, f"found the tag {tag.handle or ''}{tag.suffix or ''}, expected no tags")

    def _list(self, path: Path) -> list[Value]:
        from ruamel.yaml.events import SequenceEndEvent

        items: list[Value] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Value]:
        from ruamel.yaml.events import MappingEndEvent, ScalarEvent

        items: dict[str, Value] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            self._refuse_extras(event)
            if not isinstance(event, ScalarEvent):
                raise Unreadable(self.line, "found a key that is no text, expected a word before the colon")
            key = _text(str(event.value), self.line)
            if key in items:
                first = self._key_lines[(*path, key)]
                raise Unreadable(
                    self.line, f"found the key {key[:60]!r} again, expected it once (it is on line {first})"
                )
            self._key_lines[(*path, key)] = self.line
            items[key] = self._value(self._next(), (*path, key))
        return items


def _text(value: str, line: int) -> str:
    control = _UNREADABLE.search(value)
    if control:
        raise Unreadable(line, f"found the control character U+{ord(control[0]):04X}, expected text")
    return value


def _scalar(value: str, line: int, *, plain: bool) -> Value:
    """A scalar by the core rules of YAML 1.2; dates stay text, whole numbers are int however they are written."""
    if not plain:
        return _text(value, line)
    if value in _WORDS:
        return _WORDS[value]
    if _NOT_FINITE.fullmatch(value):
        raise Unreadable(line, f"found {value}, expected a finite number")
    if _FLOAT.fullmatch(value):
        number = float(value)
        if abs(number) > NUMBER_LIMIT:
            raise Unreadable(
                line, f"found the number {value[:40]}, expected one between -2^53 and 2^53 (or text in quotes)"
            )
        return int(value) if _INTEGER.fullmatch(value) else int(number) if number.is_integer() else number
    return _text(value, line)


# -- writing -----------------------------------------------------------------------------------------------------------

_PLAIN_MARKS = frozenset(" _./()%-@+,&'=!?;*")
_DURATION = re.compile(r"[0-9]{1,7}[smhdw]")
_QUOTE_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "nan", "inf"})


def write(documents: Sequence[Value]) -> str:
    """The documents as YAML: two spaces a level, long texts as block scalars, numbers-only mappings on one line."""
    return "---\n".join("\n".join(_block(document, 0)) + "\n" for document in documents)


def _block(value: Value, level: int) -> list[str]:
    indent = "  " * level
    lines: list[str] = []
    if isinstance(value, dict):
        for key, each in value.items():
            lines += _entry(f"{indent}{_inline(key)}:", each, level)
        return lines
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict) and each and not _is_flow(each):
                body = _block(each, level + 1)
                lines += [f"{indent}- {body[0].lstrip(' ')}", *body[1:]]
            else:
                lines += _entry(f"{indent}-", each, level)
        return lines
    return [indent + _inline(value)]


def _entry(head: str, value: Value, level: int) -> list[str]:
    if isinstance(value, dict | list):
        if not value or _is_flow(value):
            return [f"{head} {_flow(value)}"]
        return [head, *_block(value, level + 1)]
    if isinstance(value, str) and _is_literal(value):
        ending = "" if value.endswith("\n") else "-"
        indent = "  " * (level + 1)
        return [f"{head} |{ending}", *(indent + line if line else "" for line in value.removesuffix("\n").split("\n"))]
    return [f"{head} {_inline(value)}"]


def _is_flow(value: Value) -> bool:
    if not isinstance(value, dict):
        return False
    return bool(value) and all(
        key.isidentifier() and key.isascii() and isinstance(each, int | float) and not isinstance(each, bool)
        for key, each in value.items()
    )


def _flow(value: dict[str, Value] | list[Value]) -> str:
    if isinstance(value, list):
        return "[]"
    return "{" + ", ".join(f"{_inline(key)}: {_inline(each)}" for key, each in value.items()) + "}"


def _is_literal(text: str) -> bool:
    body = text.removesuffix("\n")
    if "\n" not in text or body.endswith("\n") or body[:1] in ("", " ", "\t", "\n"):
        return False
    return all(character.isprintable() or character in "\n\t" for character in text) and "\ufeff" not in text


def _inline(value: Value) -> str:
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("YAML files hold finite numbers only")
    return repr(value)


def _is_plain(text: str) -> bool:
    if _DURATION.fullmatch(text):
        return True
    if not text[:1].isalpha() or text.endswith(" ") or text.lower() in _QUOTE_WORDS:
        return False
    return all(character.isalnum() or character in _PLAIN_MARKS for character in text) and " -" not in text


def _quoted(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(character if character.isprintable() else _escape(character) for character in escaped)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
