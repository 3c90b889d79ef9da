"""The frame around every screen: where one is, what can be pressed, and how the desk is doing."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import Click

from datapulse_tui.charts.cells import cell_width, clean, crop
from datapulse_tui.tui import keymap
from datapulse_tui.tui.rooms import ROOMS
from datapulse_tui.tui.themes import Look
from datapulse_tui.tui.widgets.lines import Line, LinesWidget, Part, spread, text

NARROW = 100


class Header(LinesWidget):
    """The top line: the product, the rooms with their digits, and who is signed in."""

    def __init__(self, room: str) -> None:
        super().__init__(id="header")
        self._room = room
        self._tabs: list[tuple[int, int, str]] = []

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        left: list[Part] = [(" DataPulse ", look.bar_strong)]
        at, self._tabs = cell_width(left[0][0]), []
        person = self.desk.person
        for room in (each for each in ROOMS if person and each.open_to(person)):
            label = f" {room.digit} {room.label} "
            here = room.id == self._room
            left.append((label, look.cursor if here else look.bar))
            waiting = self.desk.session.badges.words.get(room.id, "")
            if waiting:
                label += f"{waiting} "
                left.append((f"{waiting} ", (look.cursor if here else look.bar) + look.warning))
            self._tabs.append((at, at + cell_width(label), room.id))
            at += cell_width(label)
        right: list[Part] = []
        if person:
            who = person.name if width < NARROW else f"{person.name} · {person.role}"
            # The rooms are told whole: a name that leaves them no room is cut.
            right = [text(f"{crop(clean(who), max(0, width - at - 2))} ", look.bar_dim)]
        return [spread(left, right, width, look.bar)]

    async def on_click(self, event: Click) -> None:
        for start, end, room in self._tabs:
            if start <= event.x < end:
                await self.desk.action_do(f"room.{room}")


class Footer(LinesWidget):
    """The keys that are worth knowing here; what cannot be done now is dim and still told."""

    def __init__(self, places: Sequence[str]) -> None:
        super().__init__(id="footer")
        self._places = (*places, keymap.APP)
        self._spots: list[tuple[int, int, str]] = []

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        line: list[Part] = [(" ", look.text)]
        used, self._spots = 1, []
        for action in keymap.footer_actions(self._places):
            if action.place == keymap.APP and not self.desk.person and action.id != "app.help":
                continue
            names = keymap.key_names(action, self.desk.user_keymap)
            key, label = names[0] if names else "", f" {action.label}   "
            cells = cell_width(key) + cell_width(label)
            if used + cells - 3 > width:
                continue
            label = label if used + cells <= width else label.rstrip()
            possible = not self.desk.why_not_here(action.id, self.screen)
            line += [(key, look.accent if possible else look.dim), (label, look.text if possible else look.dim)]
            self._spots.append((used, used + cells - 2, action.id))
            used += cells
        return [line]

    async def on_click(self, event: Click) -> None:
        for start, end, action_id in self._spots:
            if start <= event.x < end:
                await self.desk.do_here(action_id)


class StatusLine(LinesWidget):
    """The bottom line: where the data are, how the database and the worker are; changes are rare and cheap."""

    def __init__(self) -> None:
        super().__init__(id="status")

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        state = self.desk.status
        mark = {"good": "●", "busy": "○", "bad": "▲"}[state.mood]
        colour = {"good": look.good, "busy": look.dim, "bad": look.warning}[state.mood]
        line: list[Part] = [(" ", look.bar), (mark, look.bar + colour), text(f" {state.database}", look.bar_dim)]
        if state.place:
            line += [text(f"  {state.place}", look.bar_dim)]
        if state.worker and width >= NARROW:
            line += [("  ·  ", look.bar_dim), text(state.worker, look.bar_dim)]
        return [spread(line, [], width, look.bar)]


class Clock(LinesWidget):
    """Hours and minutes in the person's zone, in a widget of its own so that a minute costs some fifty bytes."""

    def __init__(self) -> None:
        super().__init__(id="clock")

    def draw(self, width: int, _height: int, look: Look, /) -> Sequence[Line]:
        return [[(f"{self.desk.clock_text:>{width - 1}} ", look.bar_dim)]]


class Banner(LinesWidget):
    """What people must know now (the database is away); takes no room while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__(id="banner")
        self.display = False
        self._message = ""

    def show(self, message: str) -> None:
        """Show `message`, or nothing when it is empty."""
        self._message = clean(message)
        if self.display != bool(message):
            self.display = bool(message)
        else:
            self.redraw()

    def draw(self, _width: int, _height: int, look: Look, /) -> Sequence[Line]:
        return [[(" ▲ ", look.warning), (self._message, look.strong)]]
