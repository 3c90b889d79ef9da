"""The 12-column grid of a dashboard: where each card stands at a given size. Cards tile without gaps or overlaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from datapulse_tui.tui.widgets.card import Card

if TYPE_CHECKING:
    from uuid import UUID

    from datapulse_tui.dashboards.rules import Position

COLUMNS = 12
SMALLEST_ROW, LARGEST_ROW = 2.5, 6.0  # lines of one grid row
NARROW_CARD = 18  # cells below which a card moves to a line with fewer others
GAP = 1


def reflow(positions: Sequence[Position], width: int) -> list[Position]:
    """The positions for a dashboard of `width` cells: as they are, or wider where cards would be too narrow."""
    factor = 1
    while factor < COLUMNS and any(
        min(COLUMNS, place.w * factor) * width // COLUMNS < NARROW_CARD for place in positions
    ):
        factor *= 2
    if factor == 1:
        return list(positions)
    placed: dict[int, Position] = {}
    x = y = tallest = 0
    for index in sorted(range(len(positions)), key=lambda each: positions[each]):
        place = positions[index]
        w = min(COLUMNS, place.w * factor)
        if x + w > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed[index] = replace(place, x=x, y=y, w=w)
        x, tallest = x + w, max(tallest, place.h)
    return [placed[index] for index in range(len(positions))]


def regions(positions: Sequence[Position], width: int, height: int) -> list[Region]:
    """Where the cards stand in `width` x `height` cells; taller than `height` where they would become too small."""
    places = reflow(positions, width)
    rows = max((place.y + place.h for place in places), default=1)
    unit = min(LARGEST_ROW, max(SMALLEST_ROW, height / rows))
    boxes = []
    for place in places:
        left, right = place.x * width // COLUMNS, (place.x + place.w) * width // COLUMNS
        top, bottom = round(place.y * unit), round((place.y + place.h) * unit)
        boxes.append(Region(left, top, right - left - (GAP if right < width else 0), bottom - top))
    return boxes


class CardLayout(Layout):
    """Asks the grid for its regions; Textual scrolls what does not fit."""

    name = "cards"

    def __init__(self, positions: Callable[[], Sequence[Position]]) -> None:
        self._positions = positions

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:  # noqa: ARG002, FBT001, FBT002
        boxes = regions(self._positions(), size.width, size.height or parent.size.height)
        return [
            WidgetPlacement(box, NULL_OFFSET, NULL_SPACING, child) for box, child in zip(boxes, children, strict=False)
        ]


class CardGrid(VerticalScroll, Card.Viewport, can_focus=False):
    """Holds the cards, says which of them are in view, and finds neighbours."""

    def __init__(self) -> None:
        super().__init__(id="cards")
        self._places: list[Position] = []
        self._cards_layout = CardLayout(lambda: self._places)

    @property
    def layout(self) -> Layout:
        return self._cards_layout

    @property
    def cards(self) -> list[Card]:
        """The cards in reading order."""
        return list(self.query_children(Card))

    async def fill(self, cards: Sequence[Card]) -> None:
        """Show other cards."""
        await self.remove_children()
        ordered = sorted(cards, key=lambda card: card.shown.position)
        self._places = [card.shown.position for card in ordered]
        await self.mount_all(ordered)

    def load_ahead(self, room: Size, slowness: Callable[[UUID], float]) -> None:
        """Start the queries of the cards that will be in view: the sources can work while the screen is painted.

        `room` is taken for the grid's size before it has one. What was slow the last time (`slowness` of a widget, in
        seconds) starts first: a source takes only a few queries at once, and the last one to end is waited for.
        """
        width, height = self.size if self.size.area else room
        if width > 0 and height > 0:
            boxes = zip(self.cards, regions(self._places, width, height), strict=False)
            ahead = [(card, box) for card, box in boxes if box.y < height]
            for card, box in sorted(ahead, key=lambda each: -slowness(each[0].shown.id)):
                card.load(Card.picture_width(box.width))

    def shows(self, card: Card) -> bool:
        return bool(card.region.intersection(self.region).area)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.call_after_refresh(self.look_around)

    def look_around(self) -> None:
        """Let every card do what waited for it to be seen."""
        for card in self.cards:
            card.came_into_view()

    def neighbour(self, card: Card, dx: int, dy: int) -> Card | None:
        """The nearest card in a direction, preferring those in line with `card`."""
        here = card.virtual_region
        best: tuple[float, Card] | None = None
        for other in self.cards:
            there = other.virtual_region
            ahead = (there.x - here.x) * dx + (there.y - here.y) * dy
            if other is card or ahead <= 0:
                continue
            aside = abs(there.y - here.y) if dx else abs(there.x - here.x)
            overlaps = (
                there.y < here.bottom and here.y < there.bottom if dx else there.x < here.right and here.x < there.right
            )
            cost = ahead + (0 if overlaps else 1000) + aside * 0.5
            if best is None or cost < best[0]:
                best = (cost, other)
        return best[1] if best else None
