"""Finding who carries out an action that was chosen by mouse, footer or palette."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from datapulse_tui.tui import keymap
from datapulse_tui.tui.acts import Acts

if TYPE_CHECKING:
    from textual.screen import Screen

    from datapulse_tui.tui.app import DataPulseApp


class Dispatch:
    """Mixin of the app."""

    def acting_node(self, action_id: str, screen: Screen[object] | None = None) -> Acts | None:
        """Who would carry out the action: the focused widget of the screen, the screen or the app; None for nobody."""
        place = keymap.action(action_id).place
        desk = cast("DataPulseApp", self)
        screen = screen or desk.screen
        for node in (screen.focused, screen, desk):
            if isinstance(node, Acts) and (place == node.PLACE or place in getattr(node, "PLACES", ())):
                return node
        return None

    def why_not_here(self, action_id: str, screen: Screen[object] | None = None) -> str:
        """Why the action cannot be done on `screen` (default: the one on top) now; empty when it can."""
        node = self.acting_node(action_id, screen)
        return node.why_not(action_id) if node else "That does not apply here."

    async def do_here(self, action_id: str) -> None:
        """Carry out an action that was chosen by mouse or palette."""
        node = self.acting_node(action_id)
        if node is not None:
            await node.action_do(action_id)
