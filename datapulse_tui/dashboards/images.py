"""Pictures for image widgets: from a file in an allowed folder or from the web, proved to be a picture, made small."""

from __future__ import annotations

import asyncio
import functools
import io
import os
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datapulse_tui.dashboards.web import FetchRules, fetch
from datapulse_tui.errors import Invalid, NotAllowed, NotFound

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
PIXEL_LIMIT = 24_000_000
DRAWN_SIZE = 1_024  # pixels on the longer side that any terminal can show; two to a cell, so 512 lines
_FOLDERS_HINT = "An administrator can allow its folder with the setting allowed_csv_folders."


@dataclass(frozen=True, slots=True)
class ImageRules:
    """Where pictures may come from: folders that may be read, and what may be fetched."""

    folders: Sequence[Path] = ()
    web: FetchRules = field(default_factory=FetchRules)


async def load_image(source: str, rules: ImageRules) -> bytes:
    """The picture at `source` (a path, or an http or https address) as PNG of at most 1,024 pixels a side.

    Raises NotAllowed for a file outside the allowed folders, a link, or an address inside this network; NotFound,
    Invalid (no picture, too large) or Unavailable.
    """
    if source.lower().startswith(("http://", "https://")):
        content = await fetch(source, rules.web)
    elif "://" in source:
        raise Invalid(
            f"{source[:80]!r} is no address of a picture.", hint="Expected a file, http://... or https://...."
        )
    else:
        content = await asyncio.to_thread(read_file, source, rules.folders, rules.web.size_limit)
    return await asyncio.to_thread(prove_image, content)


def read_file(source: str, folders: Sequence[Path], size_limit: int) -> bytes:
    """The file at `source` inside one of `folders`; a relative path is looked for in each of them.

    Every part of the path below the folder is opened without following links, so nothing that is swapped in between
    leads outside.
    """
    if "\0" in source:
        raise Invalid("The path of the picture holds a NUL character.", hint="Mend it.")
    wanted = Path(os.path.normpath(source))
    inside = False
    for folder in folders:
        root = folder.resolve()
        parts = _parts_below(wanted, (root, folder.absolute()))
        if not parts:
            continue
        inside = True
        try:
            return _read_below(root, parts, size_limit)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise NotAllowed(
                f"The picture {source[:200]!r} cannot be read ({error.strerror}); links are not followed.",
                hint="Put the file itself into the folder, readable for DataPulse.",
            ) from error
    if inside:
        raise NotFound(f"There is no picture {source[:200]!r} in the allowed folders.", hint="Check the path.")
    raise NotAllowed(f"The picture {source[:200]!r} is outside the folders that may be read.", hint=_FOLDERS_HINT)


def _parts_below(wanted: Path, names_of_folder: Sequence[Path]) -> tuple[str, ...]:
    """The parts of `wanted` below the folder, under whichever of its names; empty when it lies outside."""
    if not wanted.is_absolute():
        return () if ".." in wanted.parts else wanted.parts
    for name in names_of_folder:
        if wanted.is_relative_to(name):
            return wanted.relative_to(name).parts
    return ()


def _read_below(root: Path, parts: Sequence[str], size_limit: int) -> bytes:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        # O_NONBLOCK: a pipe in place of a file must not hold us up.
        handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(handle, "rb") as stream:
        about = os.fstat(stream.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise Invalid(f"{parts[-1][:200]!r} is not a file.", hint="Give the path of a picture.")
        if about.st_size > size_limit:
            raise Invalid(f"{parts[-1][:200]!r} is larger than {size_limit:,} bytes.", hint="Give a smaller picture.")
        return stream.read(size_limit + 1)


@functools.cache
def _silence_pillow() -> None:
    """Pillow warns on stderr, into the screen, of pictures that our lower limit refuses anyway."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def prove_image(content: bytes) -> bytes:
    """`content` decoded as a picture and written again as a small PNG. Raises Invalid for anything else, and for one
    of more than 24 million pixels, which is told from its header before a pixel is decoded."""
    from PIL import Image, ImageOps

    _silence_pillow()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise Image.DecompressionBombError
            picture.draft("RGB", (DRAWN_SIZE, DRAWN_SIZE))
            small = ImageOps.exif_transpose(picture).convert("RGBA")
    except Image.DecompressionBombError as error:
        raise Invalid(
            f"The picture has more than the {PIXEL_LIMIT:,} pixels that are drawn.", hint="Scale it down."
        ) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise Invalid(
            "The file is no picture that can be drawn.", hint=f"Expected one of {', '.join(FORMATS)}, not cut off."
        ) from error
    small.thumbnail((DRAWN_SIZE, DRAWN_SIZE))
    out = io.BytesIO()
    small.save(out, "PNG", compress_level=1)
    return out.getvalue()
