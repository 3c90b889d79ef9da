"""The colours and marks that charts draw with. Never colour alone: each series has a mark, or a texture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from datapulse_tui.charts.picture import Style

Colour = Literal["truecolor", "16", "none"]
Severity = Literal["critical", "warning", "good", "info"]

MARKS = ("●", "◆", "▲", "■", "▼", "○", "◇", "△", "□", "▽")
TEXTURES = ("█", "▒", "░", "▓", "#", "=", "+", ":", "%", "-")
SEVERITY_MARKS: dict[Severity, str] = {"critical": "✖", "warning": "▲", "good": "✔", "info": "●"}


@dataclass(frozen=True, slots=True)
class ChartTheme:
    """One look for all charts. Colours are `#rrggbb`, names of the 16 terminal colours, or None for the terminal's own.

    `grid` is for axis lines and rules, `background` is what tints are mixed with; it is never painted.
    """

    name: str
    palette: tuple[str | None, ...]
    text: str | None
    dim: str | None
    grid: str | None
    accent: str | None
    critical: str | None
    warning: str | None
    good: str | None
    info: str | None
    background: str | None
    colour: Colour = "truecolor"

    @property
    def plain_style(self) -> Style:
        """Values and text that is read."""
        return Style(fg=self.text)

    @property
    def strong_style(self) -> Style:
        """The one thing that is looked at first."""
        return Style(fg=self.text, bold=True)

    @property
    def dim_style(self) -> Style:
        """Labels, notes and what stands back."""
        return Style(fg=self.dim, dim=self.dim is None)

    @property
    def grid_style(self) -> Style:
        """Axis lines and rules."""
        return Style(fg=self.grid, dim=self.grid is None)

    @property
    def accent_style(self) -> Style:
        """The one accent."""
        return Style(fg=self.accent, bold=self.accent is None)

    def series_colour(self, index: int) -> str | None:
        """The colour of series `index`; after the last colour they start again."""
        return self.palette[index % len(self.palette)] if self.palette else None

    def series_style(self, index: int) -> Style:
        """Lines, marks and bars of series `index`."""
        return Style(fg=self.series_colour(index))

    def mark(self, index: int) -> str:
        """The mark of series `index` in legends and on lines; one cell."""
        return MARKS[index % len(MARKS)]

    def texture(self, index: int) -> str:
        """The character that fills areas of series `index`: solid in colour, a pattern of its own without."""
        return TEXTURES[index % len(TEXTURES)] if self.colour == "none" else "█"

    def filled_mark(self, index: int) -> str:
        """The mark of series `index` where it is drawn as an area: its texture when there is no colour."""
        return self.texture(index) if self.colour == "none" else self.mark(index)

    def on_fill(self, colour: str | None) -> Style:
        """Text and marks upon an area of `colour`; without colour, plain."""
        return Style() if colour is None else Style(fg=self.background or "black", bg=colour)

    def severity_style(self, severity: Severity) -> Style:
        """Colour for meaning; without colour it is bold."""
        colour = {"critical": self.critical, "warning": self.warning, "good": self.good, "info": self.info}[severity]
        return Style(fg=colour, bold=colour is None)

    def tint(self, colour: str | None, strength: float) -> str | None:
        """`colour` mixed into the background (strength 0 is background, 1 is colour); itself where it cannot."""
        if (
            colour is None
            or self.background is None
            or not (colour.startswith("#") and self.background.startswith("#"))
        ):
            return colour
        return mix(self.background, colour, strength)


def mix(one: str, other: str, part: float) -> str:
    """The colour `part` of the way from `one` to `other`, all as `#rrggbb`."""
    pairs = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in pairs)


DARK = ChartTheme(
    name="dark",
    palette=("#6cb6ff", "#f2a65a", "#6fcf97", "#e58fb1", "#b39df3", "#56cfc4", "#e3c567", "#9fb0c3"),
    text="#d7dde5",
    dim="#7d8896",
    grid="#3b4450",
    accent="#6cb6ff",
    critical="#ff6b6b",
    warning="#f5c04e",
    good="#63d08d",
    info="#6cb6ff",
    background="#12161c",
)
LIGHT = ChartTheme(
    name="light",
    palette=("#1a66b0", "#b45309", "#1f7a4d", "#a8336b", "#6546b5", "#0b7a75", "#8a6a00", "#566373"),
    text="#1f2733",
    dim="#66717f",
    grid="#c3cad3",
    accent="#1a66b0",
    critical="#c62828",
    warning="#9a6700",
    good="#1f7a4d",
    info="#1a66b0",
    background="#fafbfc",
)
HIGH_CONTRAST = ChartTheme(
    name="high-contrast",
    palette=("#5fd7ff", "#ffd700", "#5fff87", "#ff87ff", "#ffffff", "#ffaf5f", "#87afff", "#d0d0d0"),
    text="#ffffff",
    dim="#d0d0d0",
    grid="#8a8a8a",
    accent="#5fd7ff",
    critical="#ff8787",
    warning="#ffd700",
    good="#5fff87",
    info="#5fd7ff",
    background="#000000",
)
# The palette of Okabe and Ito (2008), told apart with each common kind of colour blindness; good is blue.
COLOUR_BLIND = ChartTheme(
    name="colour-blind",
    palette=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2", "#bbbbbb"),
    text="#e0e4ea",
    dim="#8a94a1",
    grid="#3f4854",
    accent="#56b4e9",
    critical="#d55e00",
    warning="#f0e442",
    good="#56b4e9",
    info="#cc79a7",
    background="#101418",
)
ANSI16 = ChartTheme(
    name="ansi16",
    palette=("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "white"),
    text=None,
    dim="bright_black",
    grid="bright_black",
    accent="cyan",
    critical="red",
    warning="yellow",
    good="green",
    info="cyan",
    background=None,
    colour="16",
)
NONE = ChartTheme(
    name="none",
    palette=(),
    text=None,
    dim=None,
    grid=None,
    accent=None,
    critical=None,
    warning=None,
    good=None,
    info=None,
    background=None,
    colour="none",
)
THEMES: dict[str, ChartTheme] = {
    theme.name: theme for theme in (DARK, LIGHT, HIGH_CONTRAST, COLOUR_BLIND, ANSI16, NONE)
}
