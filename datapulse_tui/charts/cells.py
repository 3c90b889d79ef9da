"""Text measured in terminal cells, and hostile text made safe to draw.

Everything here works on *clean* text: `clean` makes what must not reach a terminal visible or drops it, and afterwards
the width of each character is the same in every terminal we know of, so columns stay straight.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

Align = Literal["left", "right", "center"]

ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LEFT_TO_RIGHT_MARK = "\N{LEFT-TO-RIGHT MARK}"

# Terminals stack marks on one cell without end; four are enough for every living script.
MAX_MARKS = 4

_BLANK_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
# Became two cells wide in Unicode 16: terminals disagree, so no column could be kept straight behind one.
_DISPUTED = (range(0x2630, 0x2638), range(0x268A, 0x2690), range(0x4DC0, 0x4E00), range(0x1D300, 0x1D377))
_ZERO_WIDTH_JAMO = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)


@lru_cache(maxsize=4096)
def _clean_character(character: str) -> str:
    """What to draw for one character: itself, a visible stand-in, or nothing."""
    code = ord(character)
    category = unicodedata.category(character)
    if category == "Cc":
        if character in "\t\n\v\f\r\x85":
            return " "
        if code < 0x20:
            return chr(0x2400 + code)
        return "\N{SYMBOL FOR DELETE}" if code == 0x7F else REPLACEMENT
    if category in ("Zs", "Zl", "Zp"):
        return "  " if character == "\N{IDEOGRAPHIC SPACE}" else " "
    if category == "Cf" or character in _BLANK_FILLERS or code in _SKIN_TONES:
        return ""
    if any(code in span for span in _VARIATION_SELECTORS):
        return ""
    if code in _FLAG_LETTERS:
        return chr(ord("A") + code - _FLAG_LETTERS.start)
    if category in ("Cs", "Cn") or any(code in span for span in _DISPUTED):
        return REPLACEMENT
    return character


@lru_cache(maxsize=4096)
def _character_width(character: str) -> int:
    """Cells of one clean character: 0 for marks that sit on the one before, 2 for wide ones, else 1."""
    if unicodedata.category(character) in ("Mn", "Me", "Mc", "Cf"):
        return 0
    code = ord(character)
    if any(code in span for span in _ZERO_WIDTH_JAMO):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def clean(text: str) -> str:
    """One line of text that is safe to draw.

    Line breaks and tabs become spaces, other control characters become their visible pictures (ESC is `␛`), invisible
    formatting (bidirectional overrides, joiners, variation selectors) is dropped, marks without a letter are dropped,
    and what has no agreed width becomes `�`.
    """
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    marks = MAX_MARKS
    for character in text:
        shown = _clean_character(character)
        if shown and _character_width(shown[0]) == 0:
            if marks >= MAX_MARKS:
                continue
            marks += 1
        elif shown:
            marks = 0
        kept.append(shown)
    return "".join(kept)


def cell_width(text: str) -> int:
    """Cells that clean `text` takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """The drawable units of clean `text`: each a character with the marks on it, and its width (1 or 2)."""
    current, width = "", 0
    for character in text:
        cells = _character_width(character)
        if cells == 0:
            current += character
            continue
        if width:
            yield current, width
        current, width = character, cells
    if width:
        yield current, width


@lru_cache(maxsize=1024)
def has_right_to_left(text: str) -> bool:
    """Whether a terminal that reorders text would reorder this."""
    return not text.isascii() and any(unicodedata.bidirectional(each) in ("R", "AL", "AN") for each in text)


def crop(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """Clean `text` cut to at most `width` cells; what was cut is told by an ellipsis."""
    if width <= 0:
        return ""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(ellipsis)
    if text.isascii():
        return text[:room] + ellipsis
    kept: list[str] = []
    for cluster, cells in clusters(text):
        if cells > room:
            break
        room -= cells
        kept.append(cluster)
    return "".join(kept) + ellipsis


def fit(text: str, width: int, align: Align = "left") -> str:
    """Clean `text` cropped and padded to exactly `width` cells."""
    text = crop(text, width)
    free = max(0, width) - cell_width(text)
    before = free if align == "right" else free // 2 if align == "center" else 0
    return " " * before + text + " " * (free - before)


def wrap(text: str, width: int) -> list[str]:
    """Clean `text` broken at spaces into lines of at most `width` cells; words longer than a line are broken."""
    if width <= 0:
        return []
    lines: list[str] = []
    line = ""
    for word in text.split():
        for piece in _pieces(word, width):
            if not line:
                line = piece
            elif cell_width(line) + 1 + cell_width(piece) <= width:
                line = f"{line} {piece}"
            else:
                lines.append(line)
                line = piece
    if line:
        lines.append(line)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    """`word` in pieces of at most `width` cells; a wide character that has no room at all becomes an ellipsis."""
    if cell_width(word) <= width:
        return [word]
    pieces, piece, used = [], "", 0
    for cluster, cells in clusters(word):
        shown, need = (cluster, cells) if cells <= width else (ELLIPSIS, 1)
        if used + need > width:
            pieces.append(piece)
            piece, used = "", 0
        piece += shown
        used += need
    return [*pieces, piece] if piece else pieces
