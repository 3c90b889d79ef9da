"""Channels and what went through them: whether each answers, what was sent, and what was not and why."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.types import CSSPathType

from datapulse_tui.resources import styles_path
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.alerts.tabs import STYLES, AlertsTab
from datapulse_tui.tui.screens.base import EVERYTHING
from datapulse_tui.tui.screens.channels import words
from datapulse_tui.tui.screens.confirm import ConfirmScreen, MessageScreen
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import RowList
from datapulse_tui.tui.widgets.tabs import TabLine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from datapulse_tui.data.feed import Changes
    from datapulse_tui.data.page import Page
    from datapulse_tui.notify.reads import ChannelRow, ChannelView, DeliveryRow, DeliveryView
    from datapulse_tui.notify.service import TestResult
    from datapulse_tui.tui.desk_today import Outbox

MANAGE = "delivery:manage"
CHANNEL_VERBS = ("edit", "test", "delete")
MANAGING = ("new", *CHANNEL_VERBS, "send_again", "send_all")
FILTERS = (("", "all"), ("failed", "failed"), ("pending", "waiting"), ("suppressed", "held back"))
DETAIL_FROM = 120  # cells of width from which the detail and the workers stand beside the lists
SETTLED = 0.2  # seconds that the cursor rests until the rest of its row is read
AGAIN = 5.0  # seconds after which workers and queue are read again
PATIENCE = 0.5  # seconds between two readings, however much is sent
MOST_CHANNELS = 8  # of the list that stand above the deliveries


class ChannelsScreen(AlertsTab):
    """Channels above, deliveries below, and how the workers keep up."""

    PLACES = (keymap.CHANNELS, keymap.ALERTS, keymap.LIST)
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(keymap.CHANNELS), *keymap.bindings(keymap.ALERTS)]
    CSS_PATH: ClassVar[CSSPathType | None] = [*STYLES, styles_path() / "channels.tcss"]
    TAB = "channels"
    HELP = (
        "A channel is how people are told: e-mail, Slack, SMS, a webhook. The default of a type serves rules that name "
        "none. t sends a real message. A delivery that failed can be sent again; one that was held back says why."
    )

    def __init__(self, status: str = "") -> None:
        super().__init__()
        self._status = status
        self._channels: dict[str, ChannelRow] = {}
        self._deliveries: dict[str, DeliveryRow] = {}
        self._views: dict[str, ChannelView | DeliveryView] = {}
        self._outbox: Outbox | None = None
        self._pages = Pages(self, "deliveries")
        self._resting: Timer | None = None
        self._soon: Timer | None = None

    def body(self) -> ComposeResult:
        yield self.tab_line()
        with Horizontal(id="split"):
            with Vertical(id="channel-lists"):
                yield RowList(words.CHANNEL_COLUMNS, id="channels")
                yield TabLine([label for _, label in FILTERS], id="delivery-filter")
                yield RowList(words.DELIVERY_COLUMNS, id="deliveries")
                yield Note(id="workers-line")
            yield Pane(id="channel-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._make_room()
        self.set_focus(self._of_deliveries if self._status else self._of_channels)
        self.set_interval(AGAIN, self._moved, name="workers")
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._make_room()

    def _make_room(self) -> None:
        beside = self.app.size.width >= DETAIL_FROM
        self.query_one("#channel-detail").display = beside
        self.query_one("#workers-line").display = not beside
        rows = max(3, min(len(self._channels), MOST_CHANNELS, self.app.size.height // 3))
        self._of_channels.styles.height = rows + 1

    @property
    def _of_channels(self) -> RowList:
        return self.query_one("#channels", RowList)

    @property
    def _of_deliveries(self) -> RowList:
        return self.query_one("#deliveries", RowList)

    @property
    def _channel(self) -> ChannelRow | None:
        """The channel under the cursor."""
        return self._channels.get(self._of_channels.key)

    @property
    def _delivery(self) -> DeliveryRow | None:
        """The delivery under the cursor, while the cursor is among them."""
        return self._deliveries.get(self._of_deliveries.key) if self._of_deliveries.has_focus else None

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        self._read_outbox()
        self._read_deliveries()

    def _read_outbox(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None:
            self.read("outbox", "reading the channels", partial(services.outbox, person), self._outbox_came)

    def _read_deliveries(self) -> None:
        services, person, status = self.desk.services, self.desk.person, self._status
        if person is not None:
            work = self._pages.again(partial(services.deliveries, person, status or None), len(self._deliveries))
            self.read("deliveries", "reading the deliveries", work, partial(self._first_page, status))

    def changed(self, changes: Changes) -> None:
        concerned = EVERYTHING in changes or not {"deliveries", "channels"}.isdisjoint(changes)
        if concerned and self._soon is None:
            self._soon = self.set_timer(PATIENCE, self._reread_soon)

    def _reread_soon(self) -> None:
        # The detail that is shown stays until it is read anew; all others are read when the cursor comes to them.
        self._soon, here = None, self._delivery or self._channel
        key = str(here.id) if here is not None else ""
        self._views = {key: self._views[key]} if key in self._views else {}
        self.reread()
        self._look_closer()

    def _moved(self) -> None:
        if self.is_active:
            self._read_outbox()

    def _outbox_came(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._channels = {str(row.id): row for row in outbox.channels}
        self._make_room()
        empty = ["There is no channel yet, so nobody is told anything.", "n adds one: e-mail, Slack, SMS or a webhook."]
        rows = [words.channel_row(row, self.desk.now()) for row in outbox.channels]
        self._of_channels.settle(rows, empty=empty)
        line, bad = words.workers_line(outbox, self.desk.now())
        note = self.query_one("#workers-line", Note)
        if (note.text, note.bad) != (line, bad):
            note.show(line, bad=bad)
        failed = outbox.counts.failed
        self.remark(f"{failed:,}{'+' if failed >= 1000 else ''} failed" if failed else "nothing failed")
        self._detail()
        self.redraw_frame()

    def _first_page(self, status: str, page: Page[DeliveryRow]) -> None:
        if status == self._status:
            self._deliveries = {str(row.id): row for row in page.items}
            self._pages.began(page)
            self._show()

    def on_row_list_need_more(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None and self._of_deliveries.has_focus:
            self._pages.ask(partial(services.deliveries, person, self._status or None), self._more)

    def _more(self, page: Page[DeliveryRow]) -> None:
        self._deliveries |= {str(row.id): row for row in page.items}
        self._show()

    # -- showing -------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        now, zone = self.desk.now(), self.desk.session.zone
        rows = [words.delivery_row(row, now, zone) for row in self._deliveries.values()]
        nothing = (
            "Nothing was to be sent yet." if not self._status else f"No delivery is {dict(FILTERS)[self._status]}."
        )
        # What is new shows above, unless somebody reads further down.
        reading = self._of_deliveries.has_focus and self._of_deliveries.cursor > 0
        self._of_deliveries.show(rows, empty=[nothing], still=reading)
        line = self.query_one("#delivery-filter", TabLine)
        line.at = [status for status, _ in FILTERS].index(self._status)
        line.remark = f"deliveries · {len(rows):,}{'+' if self._pages.next else ''} · newest first"
        line.redraw()
        self._detail()
        self.redraw_frame()

    def _items(self) -> list[Item]:
        now, zone = self.desk.now(), self.desk.session.zone
        if self._of_deliveries.has_focus:
            row = self._delivery
            view = self._views.get(str(row.id)) if row else None
            return words.delivery_items(row, view, now, zone) if row else []  # type: ignore[arg-type]
        channel = self._channel
        found = self._views.get(str(channel.id)) if channel else None
        return words.channel_items(channel, found, now, zone) if channel else []  # type: ignore[arg-type]

    def _detail(self) -> None:
        pane = self.query_one("#channel-detail", Pane)
        if pane.display:
            workers = words.worker_items(self._outbox, self.desk.now(), self.desk.session.zone) if self._outbox else []
            pane.show([*self._items(), *workers])

    def on_row_list_moved(self) -> None:
        self._rest()

    def on_descendant_focus(self) -> None:
        self._rest()

    def _rest(self) -> None:
        self._detail()
        self.redraw_frame()
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(SETTLED, self._look_closer)

    def _look_closer(self, *, then_tell: bool = False) -> None:
        """The cursor rests: read what its row does not tell."""
        services, person, row = self.desk.services, self.desk.person, self._delivery
        channel = None if self._of_deliveries.has_focus else self._channel
        if person is None or not (then_tell or self.query_one("#channel-detail").display):
            return
        if row is not None:
            done = partial(self._closer, str(row.id), then_tell)
            self.read("detail", "reading a delivery", partial(services.delivery, person, row.id), done)
        elif channel is not None:
            done = partial(self._closer, str(channel.id), then_tell)
            self.read("detail", "reading a channel", partial(services.channel, person, channel.id), done)

    def _closer(self, key: str, tell: bool, view: ChannelView | DeliveryView) -> None:  # noqa: FBT001
        self._views[key] = view
        self._detail()
        if tell:
            self.desk.push_screen(MessageScreen(self._items()))

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, person = action_id.rpartition(".")[2], self.desk.person
        if verb in MANAGING and (person is None or not person.actor.can(MANAGE)):
            return f"This needs the permission {MANAGE}."
        if verb in CHANNEL_VERBS and self._channel is None:
            return "No channel is selected."
        if verb == "open" and self._delivery is None and (self._of_deliveries.has_focus or self._channel is None):
            return "Nothing is selected."
        if verb == "send_again" and (self._delivery is None or self._delivery.status != "failed"):
            return "No failed delivery is selected."
        if verb == "send_all" and not self._failed:
            return "No failed delivery is loaded."
        return ""

    @property
    def _failed(self) -> list[DeliveryRow]:
        return [row for row in self._deliveries.values() if row.status == "failed"]

    def on_row_list_opened(self) -> None:
        self.do_open()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        if event.line == "delivery-filter":
            self._filter(event.at)
        else:
            super().on_tab_line_chosen(event)

    def do_open(self) -> None:
        self._look_closer(then_tell=True)

    def do_filter(self) -> None:
        self._filter([status for status, _ in FILTERS].index(self._status) + 1)

    def _filter(self, at: int) -> None:
        self._status = FILTERS[at % len(FILTERS)][0]
        self._pages.forget()
        self._read_deliveries()

    def do_across(self) -> None:
        self.set_focus(self._of_channels if self._of_deliveries.has_focus else self._of_deliveries)

    def do_back_across(self) -> None:
        self.do_across()

    def do_new(self) -> None:
        from datapulse_tui.tui.screens.channels.form import ChannelScreen

        self.desk.push_screen(ChannelScreen(None))

    def do_edit(self) -> None:
        services, person, row = self.desk.services, self.desk.person, self._channel
        if person is None or row is None:
            return

        def came(view: ChannelView) -> None:
            from datapulse_tui.tui.screens.channels.form import ChannelScreen

            self.desk.push_screen(ChannelScreen(view))

        self.read("edit", "reading a channel", partial(services.channel, person, row.id), came)

    def do_delete(self) -> None:
        services, row = self.desk.services, self._channel
        if row is None:
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                work = lambda person: services.delete_channel(person, row)  # noqa: E731
                self.desk.session.save("deleting a channel", work, done=self.reread)

        question = (
            f"Delete the channel {row.name}? What waits for it fails, and rules that name it tell nobody through it. "
            "What was sent stays on record."
        )
        self.desk.push_screen(ConfirmScreen(question, yes="Delete"), answered)

    def do_test(self) -> None:
        from datapulse_tui.tui.screens.alerts.ask import AskScreen

        row, person = self._channel, self.desk.person
        if row is None or person is None:
            return
        if row.type not in ("email", "sms"):
            self._test(row, "")
            return

        def answered(to: str | None) -> None:
            if to is not None:
                self._test(row, to)

        label = "Address" if row.type == "email" else "Phone number"
        value = person.actor.email if row.type == "email" else ""
        title = f"Send a test through {row.name}"
        self.desk.push_screen(AskScreen(title, label, value=value, needed="A test goes to somebody."), answered)

    def _test(self, row: ChannelRow, to: str) -> None:
        services, person = self.desk.services, self.desk.person
        if person is None:
            return
        self.desk.say(f"Sending a test through {row.name} …")
        work = partial(services.test_channel, person, row, to)
        self.read(f"test {row.id}", "testing a channel", work, partial(self._tested, row))

    def _tested(self, row: ChannelRow, result: TestResult) -> None:
        if result.sent:
            self.desk.say(f"{row.name} took the test in {result.took:.1f} s: {result.answer}")
        else:
            self.desk.push_screen(
                MessageScreen([
                    Item("title", f"The test through {row.name} was not sent"),
                    Item("critical", result.answer),
                    Item("gap"),
                    Item("dim", f"After {result.took:.1f} s. A test is not tried again; e changes the channel."),
                ])
            )  # fmt: skip
        self.reread()

    def do_send_again(self) -> None:
        if self._delivery is not None:
            self._send_again([self._delivery.id])

    def do_send_all(self) -> None:
        self._send_again([row.id for row in self._failed])

    def _send_again(self, ids: Sequence[UUID]) -> None:
        services = self.desk.services
        number = [0]

        async def work(person: object) -> None:
            number[0] = await services.send_again(person, ids)  # type: ignore[arg-type]

        def done() -> None:
            self.desk.say("It is tried again now." if number[0] == 1 else f"{number[0]:,} are tried again now.")
            self.reread()

        self.desk.session.save("sending again", work, done=done)

    def do_refresh(self) -> None:
        self.reread()
