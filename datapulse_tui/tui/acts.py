"""Carrying out an action of the registry: ask whether it is possible now, say why not, or call its method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, cast

from datapulse_tui.tui import keymap

if TYPE_CHECKING:
    from textual.dom import DOMNode

    from datapulse_tui.tui.app import DataPulseApp


class Acts:
    """Mixin of the app, screens and widgets that have actions of the registry.

    Not a DOMNode itself: Textual takes the style sheet's types from the first base that is one.
    """

    PLACE = ""

    @property
    def desk(self) -> DataPulseApp:
        """The running desk, with its own type."""
        return cast("DataPulseApp", cast("DOMNode", self).app)

    def why_not(self, action_id: str) -> str:  # noqa: ARG002
        """The reason why the action cannot be done now, in one short sentence; empty when it can."""
        return ""

    async def action_do(self, action_id: str) -> None:
        """What every binding calls."""
        reason = self.why_not(action_id)
        if reason:
            self.desk.say(reason, severity="warning")
            return
        method = cast("Callable[[], Awaitable[None] | None]", getattr(self, keymap.action(action_id).method))
        answer = method()
        if isawaitable(answer):
            await answer
