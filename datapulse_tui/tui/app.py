"""The desk: one Textual app that opens at once, connects behind the first paint, and keeps the person's session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text
from textual.events import Event, InputEvent
from textual.filter import Monochrome, NoColor
from textual.notifications import SeverityLevel
from textual.screen import Screen

from datapulse_tui import config_files
from datapulse_tui.charts.cells import clean
from datapulse_tui.errors import DataPulseError
from datapulse_tui.resources import styles_path
from datapulse_tui.tui import failures, keymap, rooms, themes
from datapulse_tui.tui.acts import Acts
from datapulse_tui.tui.dispatch import Dispatch
from datapulse_tui.tui.key_order import KeyOrder
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.services import Person, Services
from datapulse_tui.tui.session import Session
from datapulse_tui.tui.sheets import Sheets
from datapulse_tui.tui.thin_line import ThinLine
from datapulse_tui.tui.watch import Status, Watch
from datapulse_tui.tui.widgets.lines import LinesWidget
from datapulse_tui.tui.writes import WriteQueue


class DataPulseApp(Dispatch, Acts, KeyOrder[None], ThinLine[None], inherit_bindings=False):
    """The frame of everything: who is signed in, how the database is, and where actions go."""

    TITLE = "DataPulse"
    ENABLE_COMMAND_PALETTE = False
    PLACE = keymap.APP
    BINDINGS = keymap.bindings(keymap.APP)

    def __init__(self, services: Services, *, theme: str = themes.DEFAULT, now: Callable[[], datetime] | None = None):
        super().__init__(str(styles_path() / "frame.tcss"))
        for name in (*themes.LABELS, themes.NO_COLOUR):
            self.register_theme(themes.textual_theme(name))
        self.stylesheet = Sheets(variables=self.get_css_variables())
        self.animation_level = "none"
        if self.no_color:
            # Textual turns colours to greys; whoever sets NO_COLOR wants none at all.
            self._filters = [NoColor() if isinstance(each, Monochrome) else each for each in self._filters]
        self.wear(theme)
        self.services = services
        self.now = now or (lambda: datetime.now(UTC))
        self.user_keymap: dict[str, str] = {}
        self.status = Status()
        self.banner = ""
        self.writes = WriteQueue()
        self.watch_over = Watch(self)
        self.session = Session(self)

    @property
    def person(self) -> Person | None:
        """Who is signed in."""
        return self.session.person

    @property
    def clock_text(self) -> str:
        """Hours and minutes in the person's zone."""
        return self.session.local(self.now()).strftime("%H:%M")

    def get_default_screen(self) -> Screen[None]:
        from datapulse_tui.tui.screens.start import StartScreen

        return StartScreen()

    def on_mount(self) -> None:
        self.run_worker(self.writes.run(), group="writes", exit_on_error=False, description="saving changes in order")
        self.watch_over.begin()
        # Behind the first paint: the imports in its thread would hold that up.
        self.call_after_refresh(self.session.open)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent):
            self.watch_over.touched()
        await super().on_event(event)

    def wear(self, name: str) -> None:
        """Put on the theme called `name`; NO_COLOR is stronger than any wish."""
        name = themes.NO_COLOUR if self.no_color else name if name in themes.LABELS else themes.DEFAULT
        self.look = themes.look(name)
        self.theme = name
        for screen in self.screen_stack if self.is_running else ():
            for widget in screen.walk_children(with_self=True):
                if isinstance(widget, LinesWidget):
                    widget.look_changed()
                widget.refresh()

    def say(self, message: str, *, severity: SeverityLevel = "information") -> None:
        """A toast; nothing in the message is parsed, and a locked desk says nothing."""
        if self.session.locked:
            return
        self.notify(clean(message), severity=severity, markup=False)

    def report(self, error: DataPulseError) -> None:
        """Say an error: what happened and what to do."""
        self.say(f"{error.message} {error.hint}".strip(), severity="error")

    def noticed(self, error: DataPulseError) -> DataPulseError:
        """Look at an error on its way to a person: a database that is away raises the banner, and whoever may not be
        here any more is led to the sign-in."""
        self.watch_over.noticed(error)
        if self.person is not None and self.services.is_over(error):
            self.session.presence.look()
        return error

    def redraw_frame(self) -> None:
        """The status or the banner changed."""
        for screen in self.screen_stack:
            if isinstance(screen, DeskScreen) and screen.is_current and screen.has_widgets:
                screen.redraw_frame()

    def why_not(self, action_id: str) -> str:
        if action_id.startswith("room.") or action_id in ("app.lock", "app.sign_out", "app.account"):
            if self.person is None:
                return "Sign in first."
            if self.session.locked:
                return "The desk is locked."
        if action_id.startswith("room.") and self.person is not None:
            room = rooms.room(action_id.removeprefix("room."))
            return "" if room.open_to(self.person) else f"You have no right to anything in {room.label}."
        return ""

    async def action_do(self, action_id: str) -> None:
        if action_id.startswith("room.") and self.person is None:
            return  # a digit of a password that was typed on while the one before was being looked at
        if action_id.startswith("room.") and not self.why_not(action_id):
            self.session.enter(rooms.room(action_id.removeprefix("room.")))
            return
        await super().action_do(action_id)

    async def do_help(self) -> None:
        from datapulse_tui.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            await self.push_screen(HelpScreen(self.screen))

    async def do_palette(self) -> None:
        from datapulse_tui.tui.screens.palette import PaletteScreen

        if not isinstance(self.screen, PaletteScreen):
            palette = PaletteScreen()
            await self.push_screen(palette)
            palette.take_focus()

    def do_repaint(self) -> None:
        self.repaint()

    def do_lock(self) -> None:
        self.session.lock()

    async def do_account(self) -> None:
        from datapulse_tui.tui.screens.account.account import AccountScreen

        if not any(isinstance(each, AccountScreen) for each in self.screen_stack):
            await self.push_screen(AccountScreen())

    def do_sign_out(self) -> None:
        self.session.sign_out()

    def do_next(self) -> None:
        self.action_focus_next()

    def do_previous(self) -> None:
        self.action_focus_previous()

    def do_interrupt(self) -> None:
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
        else:
            names = keymap.key_names(keymap.action("app.quit"), self.user_keymap)
            self.say(f"Press {names[0]} to leave DataPulse.")

    def do_quit(self) -> None:
        self.session.quit()

    async def action_quit(self) -> None:
        self.session.quit()

    def _handle_exception(self, error: Exception) -> None:
        if self.session.leaving:
            # What was to be saved is, or is waited for; a screen that hears something while it goes changes nothing.
            failures.log.error("a fault while leaving", exc_info=error)
            return
        failures.log.critical("the desk ended by a fault", exc_info=error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        # Textual would print the traceback with the values of local variables, passwords among them.
        lines = (
            "DataPulse ended by a fault of its own. What was saved before is kept.",
            "The details are in the log file",
        )
        self._exit_renderables.append(Text(f"{lines[0]}\n{lines[1]} {self.services.log_path}."))
        self._close_messages_no_wait()


def run_desk(*, demo: bool = False, as_email: str | None = None, home: Path | None = None) -> int:
    """Open the desk on this terminal and stay until the person leaves; the exit code.

    `demo` opens the sample workspace under `home`, where `as_email` signs in as one of its people without a password.
    """
    services = Services(home=home, demo=demo, as_email=as_email)
    app = DataPulseApp(services, theme=config_files.early("theme", themes.DEFAULT))
    app.run()
    return app.return_code or 0
