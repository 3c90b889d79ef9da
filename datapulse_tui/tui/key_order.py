"""Keys are acted on one after the other, however many arrive at once.

Textual hands every key to the widget that has the focus when the key is read, and acts on a binding (tab, enter) only
when the key has climbed back up to the app. On a slow line keys arrive in bursts: what was typed after a tab would land
in the field before it, a password in the clear. So a key waits until the one before it has ended its trip.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic

from textual.app import App, ReturnType
from textual.events import Event, Key

if TYPE_CHECKING:
    from textual.message_pump import MessagePump


class KeyOrder(App[ReturnType], Generic[ReturnType], inherit_bindings=False):
    """An app that starts on a key when the key before it is done with."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._keys_waiting: deque[Key] = deque()
        self._key_on_its_way = False

    async def on_event(self, event: Event) -> None:
        if not isinstance(event, Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._key_on_its_way or self._keys_waiting:
            self._keys_waiting.append(event)
        else:
            await self._start_on(event)

    async def _start_on(self, event: Key) -> None:
        self._key_on_its_way = True
        target = self.focused or self.screen
        await super().on_event(event)
        if event.is_forwarded:
            self._follow(event, target)
        else:  # a priority binding took it
            self._go_on()

    def _follow(self, event: Key, node: MessagePump | None) -> None:
        """Go where the key goes: behind it in each queue from the widget up, until somebody stops it."""
        if node is None or not node.call_later(self._passed, event, node):
            self._go_on()

    def _passed(self, event: Key, node: MessagePump) -> None:
        stopped = event._stop_propagation or not event.bubble
        self._follow(event, None if stopped or node is self else node._parent)

    def _go_on(self) -> None:
        self._key_on_its_way = False
        if self._keys_waiting:
            self.call_later(self._next)

    async def _next(self) -> None:
        if self._keys_waiting and not self._key_on_its_way:
            await self._start_on(self._keys_waiting.popleft())
