"""The words of a filter line: `severity:critical rule:checkout -state:snoozed since:2h disk full`.

A line is made of words, all of which must hold. A word is `field:value`, `field:one,other` (any of them), or free text;
a minus in front turns it round. A value with spaces, commas or quotes stands in double quotes, where a backslash takes
the next character as it is. Which fields there are and what they take is a `Language`, one for each list. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from datapulse_tui.errors import Invalid

LONGEST = 2_000  # characters of a line
MOST_WORDS = 30
MOST_OPTIONS = 20  # of a completion
TEXT = "text"  # the field of free text
NUMBER = "number"
TIMES = ("since", "until")
_LARGEST_NUMBER = 2**63 - 1
_SPECIAL = frozenset('",')


class InvalidFilter(Invalid):
    """A line that is no filter. `position` (from 0) is where it stops being one."""

    def __init__(self, message: str, position: int, expected: str) -> None:
        super().__init__(f"{message} (character {position + 1} of the filter).", hint=f"Expected {expected}.")
        self.position = position
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Term:
    """One word: any of `values` of `field` (or none, when `negated`). `moment` is what since and until mean, in UTC."""

    field: str
    values: tuple[str, ...]
    negated: bool = False
    moment: datetime | None = None

    def __str__(self) -> str:
        minus = "-" if self.negated else ""
        if self.field == TEXT:
            return minus + quoted(self.values[0], TEXT)
        return f"{minus}{self.field}:{','.join(quoted(value, self.field) for value in self.values)}"


# -- words -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """One value of a word: `start` to `end` in the line. `closed` is False where its second quote is missing."""

    value: str
    start: int
    end: int
    quoted: bool = False
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line as it is written. Without a `field` (an empty text) it is free text, with one piece."""

    start: int
    negated: bool
    field: str
    field_start: int
    pieces: tuple[Piece, ...]


_FIELD = re.compile(r"([A-Za-z_]+):")


def split(text: str) -> list[Word]:
    """The words of a line, whatever is wrong with them."""
    words: list[Word] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return words
        word, at = _word(text, at)
        words.append(word)


def _word(text: str, start: int) -> tuple[Word, int]:
    negated = text[start] == "-"
    at = start + negated
    named = _FIELD.match(text, at)
    if named is None:
        piece = _piece(text, at, in_list=False)
        return Word(start, negated, "", at, (piece,)), piece.end
    pieces = [_piece(text, named.end(), in_list=True)]
    while pieces[-1].end < len(text) and text[pieces[-1].end] == ",":
        pieces.append(_piece(text, pieces[-1].end + 1, in_list=True))
    return Word(start, negated, named[1].lower(), at, tuple(pieces)), pieces[-1].end


def _piece(text: str, start: int, *, in_list: bool) -> Piece:
    at = start
    if text[at : at + 1] != '"':
        while at < len(text) and not text[at].isspace() and not (in_list and text[at] == ","):
            at += 1
        return Piece(text[start:at], start, at)
    at += 1
    value = []
    while at < len(text) and text[at] != '"':
        at += text[at] == "\\" and at + 1 < len(text)
        value.append(text[at])
        at += 1
    closed = at < len(text)
    return Piece("".join(value), start, at + closed, quoted=True, closed=closed)


def quoted(value: str, field: str = "") -> str:
    """`value` as it is written in a line: in quotes where it would mean something else without."""
    plain = bool(value) and not any(c.isspace() or c in _SPECIAL for c in value)
    if field == TEXT:
        plain = plain and value[0] not in "-#" and ":" not in value
    if plain:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# -- what they mean ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Language:
    """The fields of one list.

    `fields` says for each what people can write after it, `choices` names all that some take, `accepts` checks others
    (a field in neither takes any text). `moment` reads the times of `since` and `until` (field, text, now, zone) and
    raises ValueError or OverflowError for what is none. `example` is a word to show.
    """

    fields: Mapping[str, str]
    choices: Mapping[str, tuple[str, ...]]
    moment: Callable[[str, str, datetime, tzinfo], datetime]
    example: str
    accepts: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)

    def terms(self, text: str, now: datetime, zone: tzinfo) -> tuple[Term, ...]:
        """What `text` says. Times without a zone are of `zone`. Raises InvalidFilter with the position."""
        if len(text) > LONGEST:
            raise InvalidFilter(f"The filter is longer than {LONGEST:,} characters", LONGEST, "a shorter one")
        words = split(text)
        if len(words) > MOST_WORDS:
            raise InvalidFilter(
                f"The filter has more than {MOST_WORDS} words", words[MOST_WORDS].start, f"at most {MOST_WORDS}"
            )
        return tuple(self._term(word, now, zone) for word in words)

    def _term(self, word: Word, now: datetime, zone: tzinfo) -> Term:
        for piece in word.pieces:
            if not piece.closed:
                raise InvalidFilter("The quote is not closed", piece.start, 'a second " at the end')
            if "\0" in piece.value:
                raise InvalidFilter("A filter holds no null character", piece.start, "text")
        if not word.field:
            return self._free(word)
        if word.field not in self.fields:
            raise InvalidFilter(
                f"There is no field {word.field!r}",
                word.field_start,
                f"one of {', '.join(self.fields)}; put text with a colon in quotes",
            )
        values = tuple(self._value(word.field, piece) for piece in word.pieces)
        if word.field not in TIMES:
            return Term(word.field, values, word.negated)
        if len(values) > 1 or word.negated:
            raise InvalidFilter(f"The field {word.field} takes one time", word.field_start, self.fields[word.field])
        try:
            moment = self.moment(word.field, values[0], now, zone)
        except (ValueError, OverflowError):
            raise self._unknown(word.field, word.pieces[0]) from None
        return Term(word.field, values, moment=moment)

    def _free(self, word: Word) -> Term:
        piece = word.pieces[0]
        if not piece.quoted and piece.value.startswith("#") and NUMBER in self.fields:
            number = Piece(piece.value[1:], piece.start + 1, piece.end)
            return Term(NUMBER, (self._value(NUMBER, number),), word.negated)
        if not any(c.isalnum() for c in piece.value):
            raise InvalidFilter(
                "There is nothing to look for", word.start, f"a word, or a field such as {self.example}"
            )
        return Term(TEXT, (piece.value,), word.negated)

    def _value(self, field: str, piece: Piece) -> str:
        value = piece.value
        if field in self.choices:
            value = value.lower()
            if value not in self.choices[field]:
                raise self._unknown(field, piece) if value else self._missing(field, piece)
            return str(value)
        if field == NUMBER:
            if not (value.isascii() and value.isdigit()) or int(value) > _LARGEST_NUMBER:
                raise self._unknown(field, piece) if value else self._missing(field, piece)
            return str(int(value))
        accepted = self.accepts.get(field, _any_text)
        if not accepted(value):
            raise self._missing(field, piece)
        return value

    def _missing(self, field: str, piece: Piece) -> InvalidFilter:
        return InvalidFilter(f"The field {field} needs a value", piece.start, self.fields[field])

    def _unknown(self, field: str, piece: Piece) -> InvalidFilter:
        return InvalidFilter(f"{piece.value!r} is nothing for the field {field}", piece.start, self.fields[field])


def _any_text(value: str) -> bool:
    return bool(value.strip())


# -- how a line can go on ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Completion:
    """What the text from `start` to the cursor can become: `options`, ready to be put in its place."""

    start: int
    options: tuple[str, ...]


async def complete(
    fields: Mapping[str, str], values: Callable[[Word], Awaitable[Sequence[str]]], text: str, cursor: int
) -> Completion:
    """How the word before `cursor` can go on: one of `fields`, or one of the `values` of its field. At most 20."""
    before = text[:cursor]
    words = split(before)
    word = words[-1] if words and not _behind(before, words[-1]) else None
    if word is None:
        return Completion(cursor, _beginning(fields, ""))
    if not word.field:
        piece = word.pieces[0]
        return Completion(piece.start, () if piece.quoted else _beginning(fields, piece.value))
    piece = word.pieces[-1]
    if word.field not in fields:
        return Completion(piece.start, ())
    found = list(dict.fromkeys(await values(word)))[:MOST_OPTIONS]
    return Completion(piece.start, tuple(quoted(value, word.field) for value in found))


def _behind(before: str, word: Word) -> bool:
    """Whether the cursor stands behind `word`, on the way to the next."""
    return before[-1:].isspace() and (word.pieces[-1].end < len(before))


def _beginning(fields: Mapping[str, str], beginning: str) -> tuple[str, ...]:
    return tuple(f"{name}:" for name in fields if name.startswith(beginning.lower()))
