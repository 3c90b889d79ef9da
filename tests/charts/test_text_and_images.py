from __future__ import annotations

import io

import pytest
from PIL import Image

from datapulse_tui.charts.images import MOST_PIXELS
from datapulse_tui.charts.theme import ANSI16, DARK, NONE

from .samples import RUNBOOK, image, picture, text


def png(drawn: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    drawn.save(file, kind)
    return file.getvalue()


def test_markdown_is_styled_and_markup_is_not() -> None:
    shown = picture(RUNBOOK, "text", {}, 60, 24)
    spans = [span for line in shown.lines for span in line]
    assert any(span.text == "p95" and span.style.bold for span in spans)
    assert any(span.text.strip() == "pool" and span.style.fg == DARK.info for span in spans)
    assert "[red]pager[/red]" in text(shown)
    assert "(https://wiki.example/runbook)" in text(shown)
    assert "◦ who holds locks" in text(shown)


def test_html_is_text() -> None:
    assert "<b>bold</b>" in text(picture("<b>bold</b> and <script>", "text", {}, 40, 4))


def test_text_comes_from_the_options_too() -> None:
    assert text(picture(None, "text", {"markdown": "hello"}, 10, 1)).strip() == "hello"
    assert picture(None, "text", {}).problem.startswith("No text yet")


def test_long_text_says_how_much_is_hidden() -> None:
    shown = picture("\n\n".join(f"line {at}" for at in range(30)), "text", {}, 30, 10)
    assert "… 50 more lines of text" in text(shown)


def test_lines_break_at_words() -> None:
    shown = text(picture("one **two**three four", "text", {}, 9, 4)).split("\n")
    assert [line.strip() for line in shown[:3]] == ["one", "twothree", "four"]


def test_two_pixels_a_cell() -> None:
    drawn = Image.new("RGB", (2, 2))
    drawn.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 255)])
    shown = picture(png(drawn), "image", {"fit": "stretch"}, 2, 1)
    assert [(span.text, span.style.fg, span.style.bg) for span in shown.lines[0]] == [
        ("▀", "#ff0000", "#0000ff"),
        ("▀", "#00ff00", "#0000ff"),
    ]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_formats_and_modes(kind: str, mode: str) -> None:
    drawn = Image.open(io.BytesIO(image())).convert(mode)
    if (kind, mode) in (("JPEG", "P"), ("WEBP", "P")):
        drawn = drawn.convert("RGB")
    assert not picture(png(drawn, kind), "image", {}, 20, 6).problem


def test_transparency_lies_on_the_background() -> None:
    shown = picture(png(Image.new("RGBA", (4, 4), (255, 255, 255, 0))), "image", {}, 4, 2)
    assert {span.style.fg for line in shown.lines for span in line} == {DARK.background}


def test_shape_is_kept_or_filled() -> None:
    wide = png(Image.new("RGB", (40, 10), "red"))
    blank = [not line[0].text.strip() for line in picture(wide, "image", {}, 20, 10).lines]
    assert blank.count(False) in (2, 3)
    assert not any(not line[0].text.strip() for line in picture(wide, "image", {"fit": "cover"}, 20, 10).lines)


def test_sixteen_colours_and_none() -> None:
    some = picture(image(), "image", {}, 20, 6, ANSI16)
    assert all(not (span.style.fg or "").startswith("#") for line in some.lines for span in line)
    none = picture(image(), "image", {}, 20, 6, NONE)
    assert set(text(none)) <= set(" ░▒▓█\n")


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"not an image", image()[:200], b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_broken_files_say_so(data: bytes) -> None:
    assert "Company logo" in picture(data, "image", {"alt": "Company logo"}, 40, 8).problem


def test_a_bomb_is_not_opened() -> None:
    side = int(MOST_PIXELS**0.5) + 10
    bomb = png(Image.new("1", (side, side)))
    assert len(bomb) < 10_000
    assert "too large" in picture(bomb, "image", {}, 40, 8).problem


def test_a_photograph_is_turned_as_the_camera_was_held() -> None:
    drawn = Image.new("RGB", (400, 200), "red")
    exif = drawn.getexif()
    exif[0x0112] = 6  # orientation: turned by a quarter
    file = io.BytesIO()
    drawn.save(file, "JPEG", exif=exif)
    lines = text(picture(file.getvalue(), "image", {}, 40, 10)).split("\n")
    assert max(len(line.strip()) for line in lines) == 10
    assert all(line.strip() for line in lines)
