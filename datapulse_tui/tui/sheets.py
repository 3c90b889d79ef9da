"""Style sheets that are parsed once: each room brings its own, and Textual parses all again for every new one."""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class Sheets(Stylesheet):
    """Keeps what is parsed already when another sheet is read."""

    def reparse(self) -> None:
        self.parse()  # remembers the rules of each sheet, and forgets them when the theme changes
