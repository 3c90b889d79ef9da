"""Pictures: only from allowed folders, never through links, and only what decodes within the limits."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datapulse_tui.dashboards.images import ImageRules, load_image, prove_image, read_file
from datapulse_tui.errors import DataPulseError, Invalid, NotAllowed, NotFound


def picture(size: tuple[int, int] = (40, 20), form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, form)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "allowed"
    (found / "sub").mkdir(parents=True)
    (found / "a.png").write_bytes(picture())
    (found / "sub" / "b.png").write_bytes(picture())
    (tmp_path / "outside.png").write_bytes(picture())
    return found


def test_files_inside(folder: Path) -> None:
    for source in ("a.png", "sub/b.png", "./sub/../a.png", str(folder / "a.png"), str(folder / "sub" / "b.png")):
        assert read_file(source, [folder], 10_000) == picture()
    assert read_file("a.png", [folder / "sub", folder], 10_000) == picture()


@pytest.mark.parametrize("source", ["../outside.png", "/etc/passwd", "sub/../../outside.png", "", ".", "/", "~/x.png"])
def test_files_outside(folder: Path, source: str) -> None:
    with pytest.raises((NotAllowed, NotFound)):
        read_file(source, [folder], 10_000)
    with pytest.raises(NotAllowed, match="outside the folders"):
        read_file(str(folder.parent / "outside.png"), [folder], 10_000)
    with pytest.raises(NotAllowed):
        read_file("a.png", [], 10_000)


def test_links_are_not_followed(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    (folder / "inner.png").symlink_to(folder / "a.png")
    (folder / "dir").symlink_to(folder.parent)
    for source in ("link.png", "inner.png", "dir/outside.png", str(folder / "link.png")):
        with pytest.raises(NotAllowed, match="links are not followed"):
            read_file(source, [folder], 10_000)
    alias = folder.parent / "alias"
    alias.symlink_to(folder)
    assert read_file(str(alias / "a.png"), [alias], 10_000) == picture()  # the administrator's own folder may be one


def test_pipes_folders_and_large_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(Invalid, match="is not a file"):
        read_file("pipe.png", [folder], 10_000)
    with pytest.raises(DataPulseError):
        read_file("sub", [folder], 10_000)
    with pytest.raises(Invalid, match="larger than 10 bytes"):
        read_file("a.png", [folder], 10)
    with pytest.raises(NotFound):
        read_file("none.png", [folder], 10_000)
    with pytest.raises(Invalid, match="NUL"):
        read_file("a\0.png", [folder], 10_000)
    with pytest.raises(DataPulseError):
        read_file("x" * 5_000, [folder], 10_000)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_pictures_become_small_png(form: str) -> None:
    with Image.open(io.BytesIO(prove_image(picture((3000, 1500), form)))) as found:
        assert (found.format, found.size) == ("PNG", (1024, 512))
    with Image.open(io.BytesIO(prove_image(picture((3, 2), form)))) as found:
        assert found.size == (3, 2)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("size", [(5_000, 5_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_told_from_its_header(size: tuple[int, int]) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1_000)) + chunk(b"IEND", b"")
    with pytest.raises(Invalid, match="more than the 24,000,000 pixels"):
        prove_image(bomb)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", picture()[:60], b"%!PS-Adobe-3.0 EPSF-3.0\n"],
)
def test_what_is_no_picture(content: bytes) -> None:
    with pytest.raises(Invalid, match="no picture"):
        prove_image(content)


@given(st.integers(0, 200), st.binary(min_size=1, max_size=8), st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP"]))
def test_broken_pictures_raise_nothing_else(at: int, junk: bytes, form: str) -> None:
    content = picture(form=form)
    try:
        prove_image(content[:at] + junk + content[at + len(junk) :])
    except Invalid:
        return


async def test_load_image(folder: Path) -> None:
    rules = ImageRules([folder])
    assert (await load_image("a.png", rules)).startswith(b"\x89PNG")
    with pytest.raises(NotAllowed, match="inside this network"):
        await load_image("http://127.0.0.1/x.png", rules)
    for source in ("ftp://example.org/x.png", "file:///etc/passwd", "data://x"):
        with pytest.raises(Invalid, match="no address of a picture"):
            await load_image(source, rules)
