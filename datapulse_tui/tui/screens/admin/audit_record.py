"""One record of the trail on the full screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.admin import audit_words as words
from datapulse_tui.tui.screens.admin.tabs import STYLES
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.widgets.story import Story

if TYPE_CHECKING:
    from datapulse_tui.audit.reads import AuditRecord


class RecordScreen(DeskScreen):
    """It never changes, so it is never read again. `search` shows the list for a filter."""

    PLACES = (keymap.AUDIT_RECORD, keymap.TEXT)
    BINDINGS = keymap.bindings(keymap.AUDIT_RECORD)
    CSS_PATH = STYLES
    ROOM = "admin"
    HELP = (
        "Who did what, on which thing, from where, and what each field was before (−) and after (+). Secrets are not "
        "in the trail. y copies the record as JSON."
    )

    def __init__(self, record: AuditRecord, search: Callable[[str], None]) -> None:
        super().__init__()
        self._record = record
        self._search = search

    def body(self) -> ComposeResult:
        yield Story(id="story", focusable=True, margin=2)

    def on_mount(self) -> None:
        super().on_mount()
        story = self.query_one("#story", Story)
        story.tell(words.items(self._record, self.desk.session.zone), None, (), anew=True)
        self.set_focus(story)

    def why_not(self, action_id: str) -> str:
        return "Nobody is named." if action_id.endswith(".same_person") and not self._record.who else ""

    def do_copy(self) -> None:
        self.desk.copy_to_clipboard(words.whole(self._record))
        self.desk.say(f"Copied: record {self._record.seq:,}.")

    def do_same_thing(self) -> None:
        self.do_back()
        self._search(words.same_thing(self._record))

    def do_same_person(self) -> None:
        self.do_back()
        self._search(words.same_person(self._record))

    def do_back(self) -> None:
        self.desk.pop_screen()
