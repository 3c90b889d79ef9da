"""image: pictures in half-blocks, two square pixels in each cell."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import TYPE_CHECKING

from datapulse_tui.charts.box import Box
from datapulse_tui.charts.options import ImageOptions
from datapulse_tui.charts.picture import Picture, Style
from datapulse_tui.charts.problem import CannotDraw
from datapulse_tui.charts.theme import ChartTheme

if TYPE_CHECKING:
    from PIL.Image import Image

Pixel = tuple[int, int, int]

# A file of a few kilobytes can hold a picture of gigabytes; this many pixels decode in well under a second.
MOST_PIXELS = 24_000_000
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_SHADES = " ░▒▓█"
_ANSI: tuple[tuple[str, Pixel], ...] = (
    ("black", (0, 0, 0)),
    ("red", (170, 0, 0)),
    ("green", (0, 170, 0)),
    ("yellow", (170, 110, 0)),
    ("blue", (0, 0, 170)),
    ("magenta", (170, 0, 170)),
    ("cyan", (0, 170, 170)),
    ("white", (180, 180, 180)),
    ("bright_black", (85, 85, 85)),
    ("bright_red", (255, 85, 85)),
    ("bright_green", (85, 255, 85)),
    ("bright_yellow", (255, 255, 85)),
    ("bright_blue", (85, 85, 255)),
    ("bright_magenta", (255, 85, 255)),
    ("bright_cyan", (85, 255, 255)),
    ("bright_white", (255, 255, 255)),
)


def draw_image(data: bytes | None, options: ImageOptions, box: Box) -> Picture:
    """The picture of an image file; CannotDraw, with the alternative text, when it is none that can be read."""
    alt = f" {options.alt}" if options.alt else ""
    if not data:
        raise CannotDraw(f"No image to draw.{alt}")
    box.require(2, 1)
    try:
        scaled = _scale(_open(data, box), options, box)
    # Everything that pillow raises for broken or truncated files; a decoder that is given garbage is not choosy.
    except (
        OSError,
        ValueError,
        TypeError,
        SyntaxError,
        EOFError,
        KeyError,
        IndexError,
        OverflowError,
        struct.error,
        zlib.error,
        MemoryError,
    ):
        raise CannotDraw(f"This is no image that can be read ({', '.join(FORMATS)}), or it is damaged.{alt}") from None
    grid = box.grid()
    columns, rows = scaled.width, (scaled.height + 1) // 2
    left, top = (box.width - columns) // 2, (box.height - rows) // 2
    pixels = scaled.load()
    styles: dict[tuple[Pixel, Pixel | None], tuple[str, Style]] = {}
    if pixels is None:
        raise CannotDraw(f"This image holds no pixels.{alt}")
    for row in range(rows):
        for column in range(columns):
            upper = _rgb(pixels[column, 2 * row])
            lower = _rgb(pixels[column, 2 * row + 1]) if 2 * row + 1 < scaled.height else None
            key = (upper, lower)
            if key not in styles:
                styles[key] = _cell(upper, lower, box.theme)
            grid.set(left + column, top + row, *styles[key])
    return grid.picture()


def _open(data: bytes, box: Box) -> Image:
    """The first frame, turned as its camera held it, upon the theme's background where it is transparent."""
    # Imported late: pillow costs about 40 ms, and most dashboards have no image.
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise CannotDraw(
                f"The image is too large: {image.width}x{image.height} pixels; at most {MOST_PIXELS:,} are drawn."
            )
        # JPEG files decode at a fraction of their size when little is wanted of them.
        image.draft("RGB", (box.width * 2, box.height * 4))
        spare = min(image.width // (2 * box.width), image.height // (4 * box.height))
        # Averaging blocks first makes everything after it cheap; palettes cannot be averaged.
        smaller = image.reduce(spare) if spare > 1 and image.mode in ("L", "RGB", "RGBA") else image
        turned = ImageOps.exif_transpose(smaller).convert("RGBA")
    ground = Image.new("RGBA", turned.size, box.theme.background or "#000000")
    return Image.alpha_composite(ground, turned).convert("RGB")


def _scale(image: Image, options: ImageOptions, box: Box) -> Image:
    """The image at one pixel for half a cell, as `fit` says."""
    from PIL import Image, ImageOps

    room = (box.width, box.height * 2)
    if options.fit == "stretch":
        return image.resize(room, Image.Resampling.LANCZOS)
    if options.fit == "cover":
        return ImageOps.fit(image, room, Image.Resampling.LANCZOS)
    part = min(room[0] / image.width, room[1] / image.height)
    size = (max(1, round(image.width * part)), max(1, round(image.height * part)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _rgb(pixel: float | tuple[int, ...]) -> Pixel:
    if not isinstance(pixel, tuple):
        return (int(pixel), int(pixel), int(pixel))
    return (pixel[0], pixel[1], pixel[2])


def _cell(upper: Pixel, lower: Pixel | None, theme: ChartTheme) -> tuple[str, Style]:
    if theme.colour == "none":
        light = _light(upper) if lower is None else (_light(upper) + _light(lower)) / 2
        return _SHADES[min(int(light * len(_SHADES)), len(_SHADES) - 1)], Style()
    paint = _nearest if theme.colour == "16" else _hex
    if lower is None:
        return "▀", Style(fg=paint(upper))
    if upper == lower:
        return "█", Style(fg=paint(upper))
    return "▀", Style(fg=paint(upper), bg=paint(lower))


def _light(pixel: Pixel) -> float:
    return (0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]) / 255


def _hex(pixel: Pixel) -> str:
    return f"#{pixel[0]:02x}{pixel[1]:02x}{pixel[2]:02x}"


def _nearest(pixel: Pixel) -> str:
    def distance(colour: tuple[str, Pixel]) -> int:
        return sum((one - other) ** 2 for one, other in zip(colour[1], pixel, strict=True))

    return min(_ANSI, key=distance)[0]
