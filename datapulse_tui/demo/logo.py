"""The picture on the operations wall: bars and a pulse. `python -m datapulse_tui.demo.logo FILE` draws it again."""

from __future__ import annotations

import sys
from pathlib import Path

SIZE = (104, 88)  # pixels; four of them to one half-block on an ordinary card
_BARS = (22, 30, 27, 38, 46, 43, 56, 66)
_BAR_COLOURS = ("#1d3d5c", "#2f6ea8")
_PULSE = ((0, 56), (22, 56), (30, 44), (40, 74), (52, 12), (64, 70), (72, 50), (78, 56), (104, 56))
_PULSE_COLOUR = "#f2a65a"
_SCALE = 4  # drawn larger and made smaller, for smooth edges


def draw(path: Path) -> None:
    """Write the picture to `path` as PNG, its background transparent."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGBA", (SIZE[0] * _SCALE, SIZE[1] * _SCALE))
    pen = ImageDraw.Draw(picture)
    step = SIZE[0] / len(_BARS)
    for index, height in enumerate(_BARS):
        left, top = (index * step + 1.5) * _SCALE, (SIZE[1] - 4 - height) * _SCALE
        right, bottom = ((index + 1) * step - 1.5) * _SCALE, (SIZE[1] - 4) * _SCALE
        pen.rounded_rectangle((left, top, right, bottom), radius=2 * _SCALE, fill=_BAR_COLOURS[index % 2])
    points = [(x * _SCALE, y * _SCALE) for x, y in _PULSE]
    pen.line(points, fill=_PULSE_COLOUR, width=6 * _SCALE, joint="curve")
    picture.resize(SIZE, Image.Resampling.LANCZOS).quantize(64).save(path, "PNG", optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
