"""The terminal that the doctor is asked in: size, colours, letters, and how wide it draws them."""

from __future__ import annotations

import locale
import os
import re
import select
import shutil
import sys
import time

from datapulse_tui.operations.doctor.findings import Finding, bad, ok, skipped, warning
from datapulse_tui.operations.doctor.setup import Setup

SMALLEST = (80, 24)
ANSWER_WITHIN = 0.5  # seconds for the terminal's word on where its cursor stands
SAMPLES = (("é", 1), ("█", 1), ("⣿", 1), ("売", 2), ("⚠", 1))
_POSITION = re.compile(rb"\x1b\[(\d+);(\d+)R")


async def terminal(_: Setup) -> Finding:
    """Whether a desk can be drawn here."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return skipped("not asked in a terminal")
    name = os.environ.get("TERM", "")
    if name in ("", "dumb"):
        return bad(
            f"TERM is {name or 'not set'}",
            "A desk cannot be drawn.",
            "Set TERM to what your terminal is, such as xterm-256color.",
        )
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") != "utf8":
        return warning(
            f"the locale's letters are {encoding}",
            "Lines and charts are drawn as question marks.",
            "Set LANG to a UTF-8 locale, such as en_US.UTF-8 or C.UTF-8.",
        )
    size = shutil.get_terminal_size()
    says = f"{name}, {size.columns}x{size.lines}, {_colours(name)}"
    if size.columns < SMALLEST[0] or size.lines < SMALLEST[1]:
        return warning(
            says,
            "Lists and forms are cut off.",
            f"Make it at least {SMALLEST[0]}x{SMALLEST[1]}, or use a smaller font.",
        )
    # A terminal that does not say where it stands after a plain letter is not asked about others.
    samples = SAMPLES if _width("x") == 1 else ()
    wrong = [sample for sample, cells in samples if (found := _width(sample)) is not None and found != cells]
    if wrong:
        return warning(
            f"{says}; it draws {' '.join(wrong)} at another width than Unicode gives",
            "Columns may stand crooked where such letters are.",
            "Choose another font, or set the terminal's ambiguous width to narrow.",
        )
    return ok(says)


def _colours(name: str) -> str:
    if os.environ.get("NO_COLOR"):
        return "no colours (NO_COLOR)"
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "true colour"
    return "256 colours" if "256" in name else "16 colours"


def _width(sample: str) -> int | None:
    """How many cells the terminal's cursor moves over `sample`; None when it does not say."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        return None
    descriptor = sys.stdin.fileno()
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error:
        return None
    try:
        tty.setcbreak(descriptor)
        sys.stdout.write(f"\r{sample}\x1b[6n")
        sys.stdout.flush()
        answer = _answer(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        sys.stdout.write("\r\x1b[K")
        sys.stdout.flush()
    found = _POSITION.search(answer)
    return int(found[2]) - 1 if found else None


def _answer(descriptor: int) -> bytes:
    answer, deadline = b"", time.monotonic() + ANSWER_WITHIN
    while not _POSITION.search(answer) and (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([descriptor], [], [], left)
        if not ready:
            break
        answer += os.read(descriptor, 64)
    return answer
