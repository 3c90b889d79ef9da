"""What all screens share: the frame, reading in the background, and what happens when reading fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Mount, ScreenResume
from textual.message import Message
from textual.screen import Screen
from textual.types import CSSPathType

from datapulse_tui.errors import DataPulseError
from datapulse_tui.resources import styles_path
from datapulse_tui.tui import failures
from datapulse_tui.tui.acts import Acts
from datapulse_tui.tui.widgets.chrome import Banner, Clock, Footer, Header, StatusLine

if TYPE_CHECKING:
    from textual.worker import WorkType

    from datapulse_tui.data.feed import Changes
    from datapulse_tui.tui.services import Person

T = TypeVar("T")
EVERYTHING = "*"  # the topic of the change feed that stands for all of them
TALL_FROM = 30  # lines of the screen from which there is room for blank ones
HOLD = 0.08  # seconds that a screen is held back for its first answer: then it is laid out and sent once, not twice


class DeskScreen(Acts, Screen[None], inherit_bindings=False):
    """A full screen inside the frame. `PLACES` name the groups of the registry whose actions apply here."""

    PLACES: ClassVar[tuple[str, ...]] = ()
    ROOM: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    CSS_PATH: ClassVar[CSSPathType | None] = styles_path() / "desk.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL_FROM, "-tall")]
        self._asked: dict[str, int] = {}
        self._stands = asyncio.Event()
        self._answered = asyncio.Event()
        self._resumed = False
        self._banner = Banner()
        self._frame = (Header(self.ROOM), Footer(self.PLACES), StatusLine(), Clock())

    def begin(self) -> None:
        """Ask for what the screen shows, while its widgets are still being made; answers wait for them."""

    def body(self) -> ComposeResult:
        """The widgets between the top line and the footer."""
        yield from ()

    def compose(self) -> ComposeResult:
        # Textual gives these classes after the first layout, which would then be done again.
        tall = self.app.size.height >= TALL_FROM
        self.update_classes({"-tall": tall, "-short": not tall}, update=False)
        self.begin()
        header, footer, status, clock = self._frame
        yield header
        yield self._banner
        yield from self.body()
        yield footer
        with Horizontal(id="bottom"):
            yield status
            yield clock

    def on_mount(self) -> None:
        self._stands.set()
        self.redraw_frame()

    @on(Mount)
    async def _hold_back(self) -> None:
        # Called behind `on_mount` of the screen itself, and before anything is laid out.
        self._stands.set()
        if self._asked:
            await self.hold()

    async def hold(self) -> None:
        """Wait for the first answer, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD):
                await self._answered.wait()

    async def _dispatch_message(self, message: Message) -> None:
        # Messages that wait for a screen are handled in one go, and each may lay out and paint everything: what else
        # runs in the desk (answers of sources, keys) goes on in between.
        await super()._dispatch_message(message)
        await asyncio.sleep(0)

    @on(ScreenResume)
    def _styled_already(self, event: ScreenResume) -> None:
        # Called before Textual's own: the widgets of a new screen got their styles when they were mounted.
        if not self._resumed:
            event.refresh_styles = False
        self._resumed = True

    def on_screen_resume(self) -> None:
        self.redraw_frame()

    def redraw_frame(self) -> None:
        """Draw the frame again; only lines that changed are sent."""
        for part in self._frame:
            if part.is_attached:  # this is also called while the frame is still being mounted
                part.redraw()
        if self._banner.is_attached:
            self._banner.show(self.desk.banner)

    def open_to(self, person: Person) -> bool:
        """Whether the person may be on this screen, with the rights that they have by now."""
        from datapulse_tui.tui import rooms

        return not self.ROOM or rooms.room(self.ROOM).open_to(person)

    def reread(self) -> None:
        """Read again what is on the screen: the data changed, or the database came back."""

    def changed(self, changes: Changes) -> None:
        """Others changed something of these topics; a screen that shows it reads again."""

    def read(
        self,
        group: str,
        description: str,
        work: Callable[[], Awaitable[T]],
        done: Callable[[T], None],
        failed: Callable[[DataPulseError], None] | None = None,
    ) -> None:
        """Run `work` in the background; a newer read of the same group replaces an older one, whose answer is dropped.

        A database that is away raises the banner; other errors go to `failed`, or are said.
        """
        self.drop_answer(group)
        serial = self._asked[group]

        async def reading() -> None:
            try:
                value = await work()
                await self._stands.wait()
            except Exception as error:  # noqa: BLE001 - every failure becomes a message; the log has the details
                await self._stands.wait()
                if self._awaits(group, serial):
                    (failed or self.desk.report)(self.desk.noticed(failures.shown(error, description)))
                return
            finally:
                self.desk.session.first_look.set()
                self._answered.set()
            if self._awaits(group, serial):
                try:
                    done(value)
                except Exception as error:  # noqa: BLE001 - a fault in drawing must not vanish with the worker
                    self.desk.report(failures.shown(error, description))

        asked: WorkType[None] = reading  # not the coroutine itself: a desk that closes first would never await it
        self.run_worker(asked, group=group, exclusive=True, exit_on_error=False, description=description)

    def drop_answer(self, group: str) -> None:
        """Whatever is being read in this group is older than what is known by now: its answer is dropped."""
        self._asked[group] = self._asked.get(group, 0) + 1

    def _awaits(self, group: str, serial: int) -> bool:
        """Whether the answer is still wanted: no newer one was asked for, and the screen has its widgets."""
        return self._asked[group] == serial and self.has_widgets

    @property
    def has_widgets(self) -> bool:
        """Whether the screen is not being taken down: until it is gone, its widgets go one after the other."""
        return self.is_attached and not self._pruning and not self._closing
