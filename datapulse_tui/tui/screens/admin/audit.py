"""The audit trail: who did what, the newest first, with what it changed; searched, verified and exported from here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.admin import audit_words as words
from datapulse_tui.tui.screens.admin.audit_work import AuditWork
from datapulse_tui.tui.screens.admin.tabs import STYLES, AdminTab
from datapulse_tui.tui.screens.alerts.loaded import Loaded
from datapulse_tui.tui.screens.filtered import FilteredList, ViewStore
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.widgets.filter_line import FilterField, Offers
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.record_list import RecordCells, RecordList
from datapulse_tui.tui.widgets.story import Story
from datapulse_tui.tui.widgets.tabs import TabLine

if TYPE_CHECKING:
    from datapulse_tui.alerts.views import Count
    from datapulse_tui.audit.reads import AuditRecord, RecordPage
    from datapulse_tui.data.filter_words import Completion
    from datapulse_tui.tui.services import Person

FIXED: tuple[tuple[str, str], ...] = (
    ("Everything", ""),
    ("Today", "since:today"),
    ("People", "on:user"),
    ("Mine", "who:me"),
)
DETAIL_FROM = 120  # cells of width from which the detail stands beside the list
LOOKS = 5.0  # seconds between two looks for new records
ENOUGH = 100  # rows with which a search that goes far back rests until more are wanted
NEEDS_ROW = frozenset({"open", "copy", "same_thing", "same_person"})


class AuditScreen(AdminTab, FilteredList, AuditWork):
    """Keyset pages of the trail. What is new is told; it comes when it is asked for."""

    PLACES = (keymap.AUDIT, keymap.ADMIN, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.AUDIT), *keymap.bindings(keymap.ADMIN)]
    CSS_PATH = STYLES
    TAB = "audit"
    HELP = (
        "Every change that a person or a job made, the newest first; nobody can change a record without its being "
        "found. A filter of free words is looked for in the details of one record after the other, going back in time; "
        "esc stops it. V verifies the whole trail against its seals, X writes what the filter asks for to a file; "
        "leaving the tab ends both. Records that are old are taken out by `datapulse audit purge`."
    )
    fixed_views = FIXED

    def __init__(self, filter_: str = "") -> None:
        super().__init__()
        self._filter = filter_
        self.loaded: Loaded[AuditRecord] = Loaded()
        self._pages = Pages(self, "records")
        self._was_read = False
        self._searching = False
        self._to_top = False
        self._searched = ""
        self._newer = ""
        self._looking = False

    def body(self) -> ComposeResult:
        yield self.tab_line()
        yield TabLine([], id="view-line")
        yield FilterField(id="filter-field", placeholder="who:ana action:user. on:dashboard from:10.0.* since:7d words")
        yield Offers(id="offers-line")
        with Horizontal(id="split"):
            yield RecordList(self._write, self.desk.now(), id="records")
            yield Story(id="row-detail")
        yield Note(id="audit-line")

    def on_mount(self) -> None:
        super().on_mount()
        self.hide_filter()
        self._make_room()
        self.set_focus(self.listed)
        self.show_views()
        self.tell_work()
        self.set_interval(LOOKS, self._look_for_new, name="new records")
        self.read_anew()
        self.read_views()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._make_room()
            self._tell_row()

    def _make_room(self) -> None:
        self.query_one("#row-detail", Story).display = self.app.size.width >= DETAIL_FROM

    @property
    def listed(self) -> RecordList:
        return self.query_one(RecordList)

    @property
    def record(self) -> AuditRecord | None:
        """The record under the cursor."""
        return self.loaded.rows.get(self.listed.key)

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        if not self._was_read:
            self.read_anew()

    def read_anew(self) -> None:
        """Read the list from its beginning."""
        services, person, filter_ = self.desk.services, self.desk.person, self._filter
        if person is None:
            return
        self._newer, self._searched, self._searching = "", "", False
        self.listed.mark_stale(self._was_read)
        work = partial(services.audit_page, person, filter_, None)
        self.read("list", "reading the audit trail", work, partial(self._first_page, filter_), self._not_read)

    def _first_page(self, filter_: str, page: RecordPage) -> None:
        if filter_ != self._filter:
            return
        self._was_read = True
        self.loaded.begin_anew(page.items)
        self.listed.begin_anew(self.desk.now())
        self.listed.put(self.loaded.keys)
        if self._to_top:
            self.listed.move_to(0)
        self._to_top = False
        self._page_came(page)
        self.filter_accepted()

    def _not_read(self, error: DataPulseError) -> None:
        self.listed.mark_stale(False)
        if not self.filter_refused(error):
            self.desk.report(error)

    def on_row_list_need_more(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None:
            self._pages.ask(partial(services.audit_page, person, self._filter), self._more)

    def _more(self, page: RecordPage) -> None:
        self.loaded.add(page.items)
        self._page_came(page)

    def _page_came(self, page: RecordPage) -> None:
        """Show what came; where the page is not full because it looked at a part of the trail only, look on."""
        self._pages.next = page.next
        far = page.searched_to
        wanted = max(ENOUGH, self.listed.cursor + ENOUGH)
        self._searching = far is not None and len(self.loaded.keys) < wanted
        self._searched = f"searched back to {self.desk.session.local(far):%Y-%m-%d %H:%M}" if far else ""
        self._show()
        if self._searching:
            self.call_later(self.on_row_list_need_more)

    def _look_for_new(self) -> None:
        """Count what came since the list was read."""
        services, person = self.desk.services, self.desk.person
        if self._looking or person is None or not self.is_active or not self.loaded.keys or self.filter_open:
            return
        self._looking = True
        newest = self.loaded.rows[self.loaded.keys[0]]
        work = partial(services.audit_newer, person, self._filter, newest)
        self.read("newer", "looking for new records", work, partial(self._newer_came, newest), self._not_counted)

    def _not_counted(self, error: DataPulseError) -> None:  # noqa: ARG002  (it is looked again soon)
        self._looking = False

    def _newer_came(self, than: AuditRecord, count: Count) -> None:
        self._looking = False
        if not self.loaded.keys or self.loaded.rows[self.loaded.keys[0]] is not than:
            return
        newer = f"{count} new · R shows them" if count.number else ""
        if newer != self._newer:
            self._newer = newer
            self.tell_new()

    # -- showing -------------------------------------------------------------------------------------------------------

    def _write(self, key: str) -> RecordCells:
        record = self.loaded.rows[key]
        who = f"{record.who} ({record.through})" if record.through else record.who
        at = self.desk.session.local(record.at)
        return RecordCells(record.seq, at, who, record.action, record.thing, record.ip_address or "")

    def _show(self) -> None:
        self.listed.put(self.loaded.keys, empty=self._empty_words(), still=True)
        self.listed.mark_stale(False)
        more = "+" if self._pages.next else ""
        parts = [f"{len(self.loaded.keys):,}{more}", "newest first", *([self._searched] if self._searched else [])]
        self.remark(" · ".join([*parts, "searching …"] if self._searching else parts))
        self.tell_new()
        self._tell_row()
        self.redraw_frame()

    def _empty_words(self) -> list[str]:
        if self._searching:
            return ["Nothing yet; looking further back …", "esc stops it."]
        if self._searched:
            return [f"Nothing: {self._searched}.", "PgDn looks further back, esc shows everything."]
        return ["No record is like that.", "esc shows everything."] if self._filter else ["Nothing was recorded yet."]

    def _tell_row(self) -> None:
        story, record = self.query_one("#row-detail", Story), self.record
        if story.display:
            story.show(words.items(record, self.desk.session.zone) if record else [])

    def tell_new(self) -> None:
        line = self.query_one("#view-line", TabLine)
        if line.remark != self._newer:
            line.remark = self._newer
            line.redraw()

    def on_row_list_moved(self) -> None:
        self._tell_row()
        self.redraw_frame()

    # -- the filter and the views --------------------------------------------------------------------------------------

    @property
    def filter(self) -> str:
        return self._filter

    def show_filter(self, filter_: str) -> None:
        self._filter = filter_
        self._pages.forget()
        self.read_anew()
        self.show_views()

    @property
    def view_store(self) -> ViewStore:
        services = self.desk.services
        return ViewStore(services.audit_views, services.keep_audit_view, "records")

    async def complete(self, person: Person, text: str, cursor: int) -> Completion:
        return await self.desk.services.complete_audit_filter(person, text, cursor)

    async def count_fixed(self, person: Person) -> Sequence[Count]:
        return await self.desk.services.audit_counts(person, [each for _, each in FIXED])

    def short_words(self, key: str) -> str:
        return self.loaded.rows[key].action

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        if verb in NEEDS_ROW and self.record is None:
            return "There are no records here."
        if verb == "same_person" and self.record is not None and not self.record.who:
            return "Nobody is named in this record."
        if verb == "clear" and not (self._filter or self.filter_open or self._searching or self.working):
            return "There is neither a filter nor work to stop."
        return self.why_not_work(verb)

    async def on_row_list_opened(self) -> None:
        await self.do_open()

    async def do_open(self) -> None:
        from datapulse_tui.tui.screens.admin.audit_record import RecordScreen

        if self.record is not None:
            await self.desk.push_screen(RecordScreen(self.record, self.show_filter))

    def do_copy(self) -> None:
        if self.record is not None:
            self.desk.copy_to_clipboard(words.whole(self.record))
            self.desk.say(f"Copied: record {self.record.seq:,}.")

    def do_same_thing(self) -> None:
        if self.record is not None:
            self.show_filter(words.same_thing(self.record))

    def do_same_person(self) -> None:
        if self.record is not None:
            self.show_filter(words.same_person(self.record))

    def do_refresh(self) -> None:
        self._to_top = True
        self.read_anew()
        self.read_views()

    def do_clear(self) -> None:
        if self.filter_open:
            self.hide_filter()
        elif self._searching:
            self._searching = False
            self._pages.stop()
            self._show()
        elif self.working:
            self.stop_work()
        else:
            self.show_filter("")

    def export_path(self) -> Path:
        """The file that is offered for an export."""
        return Path("~/audit.csv")
