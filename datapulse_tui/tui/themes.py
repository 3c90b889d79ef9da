"""The looks of the desk. The charts' themes hold the colours, so that a chart and its frame always agree."""

from __future__ import annotations

from typing import NamedTuple

from rich.color import Color
from rich.style import Style
from textual.theme import Theme

from datapulse_tui.charts.theme import THEMES, ChartTheme, mix

DEFAULT = "dark"
NO_COLOUR = "none"

LABELS = {
    "dark": "dark",
    "light": "light",
    "high-contrast": "high contrast",
    "colour-blind": "colour-blind safe",
    "ansi16": "the terminal's own 16 colours",
}


class Look(NamedTuple):
    """Rich styles for widgets that draw their own lines. Without colour, bold, dim and reverse carry the meaning."""

    chart: ChartTheme
    text: Style
    strong: Style
    dim: Style
    rule: Style
    accent: Style
    critical: Style
    warning: Style
    good: Style
    bar: Style
    bar_dim: Style
    bar_strong: Style
    cursor: Style
    cursor_dim: Style
    resting_cursor: Style


def _shade(theme: ChartTheme, part: float) -> str | None:
    """The background moved towards the text by `part`: bars and cursors. None where the terminal's own colours rule."""
    return mix(theme.background, theme.text, part) if theme.background and theme.text else None


def _style(fg: str | None, bg: str | None = None, *, bold: bool | None = None, dim: bool | None = None) -> Style:
    colours = [Color.parse(each) if each else None for each in (fg, bg)]
    return Style(color=colours[0], bgcolor=colours[1], bold=bold, dim=dim)


def look(name: str) -> Look:
    """The styles of the theme called `name`."""
    theme = THEMES[name]
    bar, cursor = _shade(theme, 0.06), _shade(theme, 0.16)
    plain = theme.background is None
    reverse = Style(reverse=True)
    faint = theme.dim is None
    return Look(
        chart=theme,
        text=_style(theme.text),
        strong=_style(theme.text, bold=True),
        dim=_style(theme.dim, dim=faint or None),
        rule=_style(theme.grid, dim=theme.grid is None or None),
        accent=_style(theme.accent, bold=theme.accent is None or None),
        critical=_style(theme.critical, bold=True),
        warning=_style(theme.warning, bold=theme.warning is None or None),
        good=_style(theme.good),
        bar=_style(theme.text, bar),
        bar_dim=_style(theme.dim, bar, dim=faint or None),
        bar_strong=_style(theme.accent, bar, bold=True),
        cursor=reverse if plain else _style(theme.text, cursor, bold=True),
        cursor_dim=reverse if plain else _style(theme.text, cursor),
        resting_cursor=Style(underline=True) if plain else _style(theme.text, bar),
    )


def textual_theme(name: str) -> Theme:
    """The same colours as variables for the style sheets."""
    theme = THEMES[name]
    if theme.background is None:
        coloured = theme.colour != "none"

        def ansi(colour: str) -> str:
            return f"ansi_{colour}" if coloured else "ansi_default"

        return Theme(
            name=name,
            ansi=True,
            primary=ansi("cyan"),
            secondary=ansi("cyan"),
            warning=ansi("yellow"),
            error=ansi("red"),
            success=ansi("green"),
            accent=ansi("cyan"),
            foreground="ansi_default",
            background="ansi_default",
            surface="ansi_default",
            panel="ansi_default",
            boost="ansi_default",
            variables={"dim": ansi("bright_black"), "rule": ansi("bright_black"), "field": "ansi_default"}
            | {"scrollbar": ansi("bright_black"), "scrollbar-background": "ansi_default"}
            | {"input-cursor-text-style": "reverse"}
            # Textual's own style sheets name these two and set them in its own terminal themes only.
            | {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"},
        )
    bar, field = _shade(theme, 0.06) or "", _shade(theme, 0.1) or ""
    accent, dim, rule = theme.accent or "", theme.dim or "", theme.grid or ""
    return Theme(
        name=name,
        primary=accent,
        secondary=accent,
        warning=theme.warning,
        error=theme.critical,
        success=theme.good,
        accent=accent,
        foreground=theme.text,
        background=theme.background,
        surface=theme.background,
        panel=bar,
        dark=name != "light",
        variables={
            "dim": dim,
            "rule": rule,
            "field": field,
            "scrollbar": rule,
            "scrollbar-hover": dim,
            "scrollbar-active": accent,
            "scrollbar-background": theme.background,
            "scrollbar-background-hover": theme.background,
            "scrollbar-background-active": theme.background,
            "scrollbar-corner-color": theme.background,
        },
    )
