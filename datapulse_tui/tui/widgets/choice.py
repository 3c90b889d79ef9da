"""A field that takes one or several of a list: the list opens below it, and typing filters the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.events import Click, Key, Paste
from textual.message import Message

from datapulse_tui.charts.cells import clean, crop
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.choice_list import MOST_SHOWN, ChoiceList, Option
from datapulse_tui.tui.widgets.lines import Line, LinesWidget, Part, spread

__all__ = ["Choice", "Option"]


class Choice(LinesWidget, can_focus=True):
    """One line with what is chosen. Enter, space or typing opens the list; enter chooses, esc leaves it as it was.

    With `several`, enter adds or takes away, and backspace in the empty filter takes the last one away. `accept` makes
    an option of text that is typed and not in the list; it answers None for text that cannot be one.
    """

    HELP = (
        "enter or space opens the list, typing filters it, ↑ ↓ go through it, enter chooses, esc closes it. Where "
        "several can be chosen enter adds or takes away, and backspace takes the last one away."
    )

    class Changed(Message):
        """Something else is chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    class Typed(Message):
        """The filter is another one; whoever has more options than were given may offer those that match."""

        def __init__(self, choice: Choice, typed: str) -> None:
            super().__init__()
            self.choice = choice
            self.typed = typed

    def __init__(
        self,
        options: Sequence[Option] = (),
        *,
        id: str,
        chosen: Sequence[str] = (),
        several: bool = False,
        empty: str = "",
        accept: Callable[[str], Option | None] | None = None,
    ) -> None:
        super().__init__(id=id, classes="choice")
        self._options = list(options)
        self._known = {option.key: option for option in options}
        self._chosen = list(chosen)
        self._several = several
        self._accept = accept
        self._empty = empty
        self.typed = ""
        self.at = 0
        self.is_open = False

    def compose(self) -> ComposeResult:
        yield ChoiceList(self)

    # -- what is chosen ------------------------------------------------------------------------------------------------

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of what is chosen, in the order of choosing."""
        return tuple(self._chosen)

    @property
    def key(self) -> str:
        """The first of them; empty when nothing is chosen."""
        return self._chosen[0] if self._chosen else ""

    def choose(self, *keys: str) -> None:
        """Choose these, without telling anybody."""
        self._chosen = list(keys)
        self.redraw()

    def offer(self, options: Sequence[Option]) -> None:
        """Other options to choose from; what is chosen stays."""
        self._options = list(options)
        self.know(options)
        self.at = max(0, min(self.at, len(self.shown) - 1))
        self._draw_both()

    def know(self, options: Sequence[Option]) -> None:
        """How to write what may be chosen without being offered."""
        self._known |= {option.key: option for option in options}
        self.redraw()

    @property
    def shown(self) -> list[Option]:
        """The options that the filter leaves, with what was typed itself where that is possible."""
        found = [option for option in self._options if option.matches(self.typed)]
        typed = self._accept(self.typed.strip()) if self._accept and self.typed.strip() else None
        if typed is not None and all(option.key != typed.key for option in found):
            found.append(typed)
        return found

    def words(self, key: str) -> str:
        """What people read for a key."""
        known = self._known.get(key)
        return known.label if known else key

    @property
    def text(self) -> str:
        """What is chosen, in words."""
        return ", ".join(self.words(key) for key in self._chosen)

    def has(self, key: str) -> bool:
        """Whether `key` is chosen."""
        return key in self._chosen

    @property
    def several(self) -> bool:
        """Whether more than one can be chosen."""
        return self._several

    # -- opening and choosing ------------------------------------------------------------------------------------------

    def open(self, typed: str = "") -> None:
        """Show the list."""
        self.is_open = True
        self._filter(typed)
        if not typed and not self._several:
            self.at = next((index for index, each in enumerate(self.shown) if each.key == self.key), 0)
        self.query_one(ChoiceList).display = True
        self._draw_both()

    def close(self) -> None:
        """Hide the list; what was typed into its filter is forgotten."""
        self.is_open = False
        self.typed = ""
        self.query_one(ChoiceList).display = False
        self.redraw()

    def take(self, at: int) -> None:
        """Choose the option at this place of the list."""
        shown = self.shown
        if not 0 <= at < len(shown):
            return
        option = shown[at]
        self._known[option.key] = option
        if not self._several:
            self._chosen = [option.key]
            self.close()
        elif self.has(option.key):
            self._chosen.remove(option.key)
            self._filter("")
        else:
            self._chosen.append(option.key)
            self._filter("")
        self._draw_both()
        self.post_message(self.Changed(self))

    def _filter(self, typed: str) -> None:
        before, self.typed = self.typed, typed
        if before != typed:
            self.at = 0
            self.post_message(self.Typed(self, typed))
        self._draw_both()

    def _draw_both(self) -> None:
        if self.is_mounted:
            listed = self.query_one(ChoiceList)
            listed.styles.height = listed.lines_wanted
            listed.redraw()
            self.redraw()

    def move(self, by: int) -> None:
        """Go up or down in the open list."""
        self.at = max(0, min(self.at + by, len(self.shown) - 1))
        self.query_one(ChoiceList).redraw()

    # -- keys and mouse ------------------------------------------------------------------------------------------------

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002
        return character is not None and character.isprintable()

    def on_key(self, event: Key) -> None:
        handled = self._key_open(event) if self.is_open else self._key_closed(event)
        if handled:
            event.stop()
            event.prevent_default()

    def _key_closed(self, event: Key) -> bool:
        if event.key in ("enter", "space"):
            self.open()
        elif event.key in ("backspace", "delete"):
            self._take_last_away()
        elif event.character and event.is_printable:
            self.open(event.character)
        else:
            return False
        return True

    def _key_open(self, event: Key) -> bool:
        moves = {"up": -1, "down": 1, "pageup": -MOST_SHOWN, "pagedown": MOST_SHOWN}
        if event.key in moves:
            self.move(moves[event.key])
        elif event.key == "enter":
            self.take(self.at)
        elif event.key == "escape":
            self.close()
        elif event.key == "backspace":
            if self.typed:
                self._filter(self.typed[:-1])
            else:
                self._take_last_away()
        elif event.character and event.is_printable:
            self._filter(self.typed + event.character)
        else:
            return False
        return True

    def _take_last_away(self) -> None:
        if self._chosen and (self._several or self._empty):
            self._chosen.pop()
            self._draw_both()
            self.post_message(self.Changed(self))

    def on_paste(self, event: Paste) -> None:
        event.stop()
        typed = self.typed + " ".join(event.text.split())
        if self.is_open:
            self._filter(typed)
        else:
            self.open(typed)

    def on_blur(self) -> None:
        if self.is_open:
            self.close()

    def on_click(self, event: Click) -> None:
        event.stop()
        if self.is_open:
            self.close()
        else:
            self.open()

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        here = self.has_focus
        mark: Part = ("▴ " if self.is_open else "▾ ", look.accent if here else look.dim)
        if self.is_open and self.typed:
            left: list[Part] = [(" ", look.text), (clean(self.typed), look.strong), ("▏", look.accent)]
        elif self._chosen:
            left = [(" ", look.text), (crop(clean(self.text), width - 4), look.strong if here else look.text)]
        else:
            left = [(" ", look.text), (crop(clean(self._empty or "choose …"), width - 4), look.dim)]
        return [spread(left, [mark], width, look.text)]
