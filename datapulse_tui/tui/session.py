"""Who sits here: opening the workspace, signing in and out, locking, going from room to room, leaving."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.screen import Screen

from datapulse_tui.errors import DataPulseError
from datapulse_tui.tui import failures, keymap, rooms
from datapulse_tui.tui.badge import Badges
from datapulse_tui.tui.bell import Bell
from datapulse_tui.tui.presence import Presence
from datapulse_tui.tui.screens.base import DeskScreen
from datapulse_tui.tui.writes import Write

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from datapulse_tui.data.feed import Changes
    from datapulse_tui.tui.app import DataPulseApp
    from datapulse_tui.tui.services import Person

PAINT_TIMEOUT = 0.5  # seconds that what runs in the background waits for the first list to be painted
LEAVE_TIMEOUT = 5.0  # seconds that leaving waits for changes on their way
SIGN_OUT_TIMEOUT = 1.0  # seconds that leaving waits until its session is ended
GIVE_UP = 2.0  # seconds that a desk which was told to end waits for its terminal


class Session:
    """The life of one desk, from the first paint to the last."""

    def __init__(self, app: DataPulseApp) -> None:
        self.app = app
        self.person: Person | None = None
        self.locked = False
        self.first_look = asyncio.Event()
        self.bell = Bell(app)
        self.badges = Badges(app)
        self.presence = Presence(app)
        self.entering: Person | None = None
        self.leaving = False
        self._going = asyncio.Lock()

    def local(self, moment: datetime) -> datetime:
        """`moment` in the person's zone."""
        return moment.astimezone(self.zone if self.person else UTC)

    @property
    def zone(self) -> ZoneInfo:
        """The person's time zone; UTC before anyone signed in."""
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.person.actor.zone if self.person else "UTC")

    def open(self) -> None:
        """Open the workspace behind the first paint."""
        self.app.run_worker(self._open(), group="opening", exclusive=True, exit_on_error=False)

    async def _open(self) -> None:
        from datapulse_tui.tui.screens.start import StartScreen

        services = self.app.services
        try:
            opened = await services.open()
        except Exception as error:  # noqa: BLE001 - whatever it is, the start screen says it
            screen = self.app.screen
            if isinstance(screen, StartScreen):
                screen.failed(failures.shown(error, "opening the workspace"))
            return
        self._use_keymap(services.user_keymap)
        self.app.watch_over.connected(opened.place)
        self.app.run_worker(self._background(), group="background", exit_on_error=False, description="feed and worker")
        if opened.nobody_yet:
            from datapulse_tui.tui.screens.first_admin import FirstAdminScreen

            self._go_to(FirstAdminScreen())
            self.first_look.set()
        elif services.as_email:
            await self._sign_in_as(services.as_email)
        else:
            self._to_sign_in()

    async def _background(self) -> None:
        """What a desk needs beside its screens: the change feed, and a worker for the embedded database.

        Also what the next steps will import. All of it waits until there is something to look at.
        """
        services = self.app.services
        await self.first_look.wait()
        await self.painted()
        try:
            await services.warm_up()
            gc.freeze()  # what stands by now is never garbage
            await services.listen(self.changes_came, self.app.watch_over.feed_state)
            self.presence.settled.set()
            await services.keep_company()
        except Exception as error:  # noqa: BLE001 - the desk works without them, and says so
            self.app.report(failures.shown(error, "starting what runs in the background"))
        finally:
            gc.enable()  # `datapulse` starts with the collector off
        self.app.watch_over.worker_starts()

    async def painted(self) -> None:
        """Wait for the paint of what came last, which imports in a thread would hold up."""
        painted = asyncio.Event()
        self.app.screen.call_after_refresh(painted.set)
        with suppress(TimeoutError):  # a screen that was left meanwhile calls nobody
            async with asyncio.timeout(PAINT_TIMEOUT):
                await painted.wait()

    async def _sign_in_as(self, email: str) -> None:
        try:
            self.welcome(await self.app.services.act_as(email))
        except DataPulseError as error:
            self._to_sign_in()
            self.app.report(error)

    def _use_keymap(self, user_keymap: dict[str, str]) -> None:
        unknown = keymap.unknown_ids(user_keymap)
        if unknown:
            self.app.say(f"The keymap names unknown actions: {', '.join(unknown)}.", severity="warning")
        self.app.user_keymap = user_keymap
        self.app.set_keymap(user_keymap)

    def welcome(self, person: Person) -> None:
        """`person` has signed in: their theme, and the first room. With a temporary password nothing but its change
        opens: until then they are `entering`."""
        if person.must_change:
            self.entering = person
            return
        self.person, self.entering = person, None
        self.locked = False
        self.presence.welcome(person)
        self.bell.welcome(person)
        self.badges.welcome()
        theme = person.preferences.get("theme")
        if isinstance(theme, str):
            self.app.wear(theme)
        self.enter(rooms.first_room())

    def enter(self, room: rooms.Room) -> None:
        """Go to a room; what was open in the one before is closed."""
        screen = self.app.screen
        there = isinstance(screen, DeskScreen) and room.id == screen.ROOM and len(self.app.screen_stack) == 2
        if self.person is not None and not there:
            self.app.services.lull.not_now()
            self._go_to(room.make(self.person))

    def show(self, screen: DeskScreen) -> None:
        """Put `screen` in the place of everything that is open in this room: another tab of it."""
        self._go_to(screen)

    def choose_theme(self, name: str) -> None:
        """Wear a theme at once and remember it for this person."""
        self.app.wear(name)
        self.save("remembering the theme", lambda person: self.app.services.set_preference(person, "theme", name))

    def save(
        self,
        description: str,
        work: Callable[[Person], Awaitable[None]],
        *,
        done: Callable[[], None] = lambda: None,
        failed: Callable[[DataPulseError], None] | None = None,
        verify: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Queue a change in the name of the person who sits here now, whoever sits here when it runs."""
        person = self.person
        if person is None:
            return

        def not_saved(error: DataPulseError) -> None:
            self.app.noticed(error)
            (failed or self.app.report)(error)

        self.app.writes.put(Write(description, lambda: work(person), done, not_saved, verify))

    def lock(self) -> None:
        """Hide everything until the password is given; those who signed in without one just stay."""
        if self.person is None or self.locked or not self.person.has_password:
            return
        from datapulse_tui.tui.screens.lock import LockScreen

        self.locked = True
        self.app.clear_notifications()
        self.app.push_screen(LockScreen(self.person))

    def unlocked(self) -> None:
        """The password was right."""
        self.locked = False
        if not self._kept_out():
            self.app.pop_screen()

    def sign_out(self) -> None:
        """End the session; the desk stays, at the sign-in."""
        services, person = self.app.services, self.person or self.entering
        if person is not None:
            work = Write("signing out", lambda: services.sign_out(person), lambda: None, self._not_signed_out)
            self.app.writes.put(work)
        self._leave_seat()
        self._to_sign_in()

    def over(self, error: DataPulseError) -> None:
        """Somebody ended the session, or the account: back to the sign-in, which says why."""
        self._leave_seat()
        self.app.clear_notifications()
        self._to_sign_in(f"{error.message} {error.hint}".strip())

    def change_rights(self, person: Person, told: str) -> None:
        """The person who sits here has other rights from now on: what is open is read again with those."""
        before, self.person = self.person, person
        if before is not None and before.actor.permissions != person.actor.permissions:
            self.app.say(told, severity="warning")
        self.badges.welcome()
        if not self._kept_out():
            self.read_again()
            self.app.redraw_frame()

    def _kept_out(self) -> bool:
        """Leave a room that the person may not be in any more. What is locked shows nothing and stays until it is
        opened."""
        person, screens = self.person, [each for each in self.app.screen_stack if isinstance(each, DeskScreen)]
        if person is None or self.locked or all(each.open_to(person) for each in screens):
            return False
        self._go_to(rooms.first_room().make(person))
        return True

    def _leave_seat(self) -> None:
        self.person = self.entering = None
        self.locked = False

    def _not_signed_out(self, error: DataPulseError) -> None:
        """The session stays open in the list until it counts as lost."""
        failures.log.warning("the session was not ended: %s", self.app.noticed(error).message)

    def reread(self) -> None:
        """The database came back, or everything may have changed."""
        self.presence.look(touch=True)
        self.read_again()

    def read_again(self) -> None:
        """Every screen that is open reads what it shows."""
        self.badges.count()
        for screen in self.app.screen_stack:
            if isinstance(screen, DeskScreen):
                screen.reread()

    def changes_came(self, changes: Changes) -> None:
        """Others committed something: the screens that show it read again."""
        self.presence.heard(changes)
        self.bell.heard(changes)
        self.badges.heard(changes)
        for screen in self.app.screen_stack:
            if isinstance(screen, DeskScreen):
                screen.changed(changes)

    def quit(self) -> None:
        """Leave; asks while a change is still on its way."""
        if not self.app.writes.pending:
            self.leave()
            return
        from datapulse_tui.tui.screens.confirm import ConfirmScreen

        def answered(sure: bool | None) -> None:  # noqa: FBT001
            if sure:
                self.leave()

        question = (
            f"{self.app.writes.pending} change(s) are still on their way to the database. Leave after waiting for them?"
        )
        self.app.push_screen(ConfirmScreen(question, yes="Wait and leave"), answered)

    def leave(self, signal_number: int = 0) -> None:
        """End in order: wait for changes, close connections, give the terminal back. Also on SIGHUP and SIGTERM."""
        self.leaving = True
        self.app.run_worker(self._leave(signal_number), group="leaving", exclusive=True, exit_on_error=False)

    async def _leave(self, signal_number: int) -> None:
        if not await self.app.writes.finished(LEAVE_TIMEOUT):
            failures.log.warning("left with %d change(s) whose outcome is unknown", self.app.writes.pending)
        await self._end_session()
        await self.app.services.close()
        code = 128 + signal_number if signal_number else 0
        if signal_number:
            # A line that dropped took the terminal along, and Textual waits for it for ever: everything that matters
            # is saved and closed by now.
            last_word = threading.Timer(GIVE_UP, os._exit, [code])
            last_word.daemon = True
            last_word.start()
        self.app.exit(return_code=code)

    async def _end_session(self) -> None:
        """Sign out on the way out, if the database answers quickly."""
        person = self.person or self.entering
        if person is None or not self.app.services.is_open or self.app.watch_over.away:
            return
        try:
            async with asyncio.timeout(SIGN_OUT_TIMEOUT):
                await self.app.services.sign_out(person)
        except Exception as error:  # noqa: BLE001 - leaving waits for nobody; the session is lost in ten minutes
            failures.shown(error, "ending the session")

    def _to_sign_in(self, told: str = "") -> None:
        from datapulse_tui.tui.screens.sign_in import SignInScreen

        self._go_to(SignInScreen(told))
        self.first_look.set()

    def _go_to(self, screen: Screen[None]) -> None:
        self.app.run_worker(self._replace_all(screen), group="going", exit_on_error=False, description="changing rooms")

    async def _replace_all(self, screen: Screen[None]) -> None:
        """Leave only the start screen below `screen`. Textual cannot replace the lowest screen without a gap."""
        async with self._going:
            if len(self.app.screen_stack) < 2:
                await self.app.push_screen(screen)
                return
            # What is painted inside a batch is thrown away, which costs as much as painting it.
            with self.app.batch_update() if len(self.app.screen_stack) > 2 else nullcontext():
                while len(self.app.screen_stack) > 2:
                    await self.app.pop_screen()
                await self.app.switch_screen(screen)
