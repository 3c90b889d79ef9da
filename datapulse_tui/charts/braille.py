"""Lines of dots: 2 x 4 braille dots in each cell."""

from __future__ import annotations

from collections.abc import Iterator

_BLANK = 0x2800
# Bit k of a column's mask is dot row k of a cell, counted from the top.
_LEFT = tuple(sum(dot for bit, dot in enumerate((0x01, 0x02, 0x04, 0x40)) if mask >> bit & 1) for mask in range(16))
_RIGHT = tuple(sum(dot for bit, dot in enumerate((0x08, 0x10, 0x20, 0x80)) if mask >> bit & 1) for mask in range(16))


class Dots:
    """A board of `2 * width` x `4 * height` dots; (0, 0) is the top left one. Dots outside it are dropped.

    Each column is one integer with a bit for each dot, so a vertical run of any length costs one operation.
    """

    def __init__(self, width: int, height: int) -> None:
        self.columns = 2 * width
        self.rows = 4 * height
        self._masks = [0] * self.columns

    def run(self, x: int, one: int, other: int) -> None:
        """Set the dots of column `x` from row `one` to row `other`, both included, in either order."""
        top, bottom = (one, other) if one <= other else (other, one)
        top, bottom = max(0, top), min(self.rows - 1, bottom)
        if top <= bottom and 0 <= x < self.columns:
            self._masks[x] |= ((1 << (bottom - top + 1)) - 1) << top

    def line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Join two dots, `x0 <= x1`, with a line one dot thick."""
        across, down = x1 - x0, y1 - y0
        if across == 0:
            self.run(x0, y0, y1)
        elif abs(down) <= across:
            for x in range(max(x0, 0), min(x1, self.columns - 1) + 1):
                y = y0 + round(down * (x - x0) / across)
                self.run(x, y, y)
        else:
            forward = 1 if down > 0 else -1
            start = y0
            for x in range(x0, x1 + 1):
                end = y1 if x == x1 else y0 + round(down * (x - x0 + 0.5) / across)
                self.run(x, start, end)
                start = end + forward

    def cells(self) -> Iterator[tuple[int, int, int]]:
        """Cells that hold a dot: column, row, and the bits of their braille pattern."""
        for column in range(0, self.columns, 2):
            left, right = self._masks[column], self._masks[column + 1]
            either = left | right
            if not either:
                continue
            first = ((either & -either).bit_length() - 1) // 4
            for row in range(first, (either.bit_length() + 3) // 4):
                bits = _LEFT[left >> 4 * row & 15] | _RIGHT[right >> 4 * row & 15]
                if bits:
                    yield column // 2, row, bits


def pattern(bits: int, over: str = " ") -> str:
    """The braille character of `bits`, joined with the dots of the braille character that it is drawn over."""
    below = ord(over) - _BLANK if over and "\u2800" <= over[0] <= "\u28ff" else 0
    return chr(_BLANK | bits | below)
