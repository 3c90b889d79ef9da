"""The palette: everything that can be done now, found by typing a part of its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical

from datapulse_tui.tui import keymap, rooms, themes
from datapulse_tui.tui.screens.tabbed import RoomTab, Tab, TabbedScreen, tabs_for
from datapulse_tui.tui.screens.typed_choice import TypedChoice
from datapulse_tui.tui.widgets.form import Field, Note
from datapulse_tui.tui.widgets.rows import Row, RowColumn, RowList

COLUMNS = (RowColumn("", 22), RowColumn("", dim=True), RowColumn("", 10, "right", dim=True))


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the palette, and what choosing it does."""

    key: str
    label: str
    help: str
    keys: str
    choose: Callable[[], object]


def matches(typed: str, offer: Offer) -> bool:
    """Whether every typed word is a part of the offer's label or help."""
    words = f"{offer.label} {offer.help}".casefold()
    return all(word in words for word in typed.casefold().split())


def rank(typed: str, offer: Offer) -> int:
    """Where an offer stands among those that match: those called so first, then those that are only told so."""
    label, words = offer.label.casefold(), typed.casefold().strip()
    return 0 if label.startswith(words) else 1 if words in label else 2


class PaletteScreen(TypedChoice[None]):
    """Type, choose with the arrows, enter. What cannot be done now is not offered."""

    HELP = "Type a part of what you want to do."

    def __init__(self) -> None:
        super().__init__()
        self._offers: list[Offer] = []
        self._shown: dict[str, Offer] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Field(id="typed", placeholder="what do you want to do?")
            yield RowList(COLUMNS, id="offers")
            yield Note("enter does it · ↑ ↓ choose · esc closes", classes="note")

    def on_mount(self) -> None:
        self._offers = [*self._actions(), *self._tabs(), *self._themes()]
        self.look_for("")

    def _actions(self) -> list[Offer]:
        desk, below = self.desk, self.app.screen_stack[-2]
        places = (*getattr(below, "PLACES", ()), getattr(below.focused, "PLACE", ""), keymap.APP)
        offers = []
        for each in keymap.actions():
            if not each.palette or each.place not in places or each.id == "app.palette":
                continue
            node = desk.acting_node(each.id, below)
            if node is not None and not node.why_not(each.id):
                keys = " ".join(keymap.key_names(each, desk.user_keymap))
                offers.append(Offer(each.id, each.label, each.help, keys, partial(node.action_do, each.id)))
        return offers

    def _tabs(self) -> list[Offer]:
        """The tabs of every room; of a room whose tabs are parts of one screen, only where that is open."""
        person, below = self.desk.person, self.app.screen_stack[-2]
        if person is None:
            return []
        offers = [
            Offer(f"tab {room.id} {tab.id}", tab.label, f"Go to {room.label}: {tab.label}.", "", partial(self._go, tab))
            for room in rooms.ROOMS
            if room.open_to(person)
            for tab in tabs_for(room.tabs(), person)
        ]
        if isinstance(below, TabbedScreen) and not isinstance(below, RoomTab):
            offers += [
                Offer(f"tab {tab}", label, f"Go to {label}.", "", partial(below.go_to_tab, at))
                for at, (tab, label) in enumerate(below.tabs())
            ]
        return offers

    def _go(self, tab: Tab) -> None:
        self.desk.session.show(tab.make())

    def _themes(self) -> list[Offer]:
        if self.desk.no_color:
            return []
        return [
            Offer(f"theme {name}", f"theme {name}", f"Use the colours: {label}.", "", partial(self._wear, name))
            for name, label in themes.LABELS.items()
            if name != self.desk.look.chart.name
        ]

    def _wear(self, name: str) -> None:
        if self.desk.person is None:
            self.desk.wear(name)
        else:
            self.desk.session.choose_theme(name)

    def look_for(self, typed: str) -> None:
        found = [offer for offer in self._offers if matches(typed, offer)]
        self._shown = {offer.key: offer for offer in sorted(found, key=lambda each: rank(typed, each))}
        self.offer(
            [Row(offer.key, (offer.label, offer.help, offer.keys)) for offer in self._shown.values()],
            empty="Nothing that can be done now matches.",
        )

    def take(self, key: str) -> None:
        self.dismiss(None)
        self.desk.call_later(self._shown[key].choose)
