"""My account: what is known of it, and where one is signed in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.types import CSSPathType

from datapulse_tui.errors import DataPulseError
from datapulse_tui.resources import styles_path
from datapulse_tui.tui import keymap
from datapulse_tui.tui.screens.account import words
from datapulse_tui.tui.screens.base import EVERYTHING, DeskScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen
from datapulse_tui.tui.widgets.form import Note
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import RowList

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.people.sessions import SessionRow
    from datapulse_tui.tui.desk_account import Account
    from datapulse_tui.tui.services import Person

TOPICS = frozenset({"people", "sessions"})
WIDE = 120  # cells of width from which the sessions stand beside the account


class AccountScreen(DeskScreen):
    """The account on one side, its sessions on the other (below it on a narrow screen)."""

    PLACES = (keymap.ACCOUNT, keymap.LIST)
    BINDINGS = keymap.bindings(keymap.ACCOUNT)
    CSS_PATH: ClassVar[CSSPathType | None] = [
        styles_path() / name for name in ("desk.tcss", "lists.tcss", "sheets.tcss", "account.tcss")
    ]
    HELP = (
        "Your own account. Name, time zone and phone are yours to change; role and department are given by "
        "administrators. A session is a desk where you are signed in: end one that you do not know, and change your "
        "password."
    )

    def __init__(self) -> None:
        super().__init__()
        self.account: Account | None = None
        self._sessions: dict[str, SessionRow] = {}

    def body(self) -> ComposeResult:
        with Horizontal(id="account-parts"):
            with Vertical(id="account-left"):
                yield Note("My account", id="account-head", strong=True)
                yield Pane(id="account-facts", focusable=True, margin=1)
            with Vertical(id="account-right"):
                yield Note("My sessions", id="sessions-head", strong=True)
                yield RowList(words.SESSION_COLUMNS, id="sessions")

    def on_mount(self) -> None:
        super().on_mount()
        self._fit()
        self.set_focus(self._list)
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._fit()

    def _fit(self) -> None:
        """Beside each other where there is room."""
        self.query_one("#account-parts").styles.layout = "horizontal" if self.app.size.width >= WIDE else "vertical"

    @property
    def _list(self) -> RowList:
        return self.query_one("#sessions", RowList)

    @property
    def _session(self) -> SessionRow | None:
        return self._sessions.get(self._list.key)

    # -- reading -------------------------------------------------------------------------------------------------------

    def reread(self) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None:
            self.read("account", "reading your account", partial(services.account, person), self._came, self._failed)

    def changed(self, changes: Changes) -> None:
        if EVERYTHING in changes or not TOPICS.isdisjoint(changes):
            self.reread()

    def _came(self, account: Account) -> None:
        self.account = account
        now, zone, person = self.desk.now(), self.desk.session.zone, self.desk.person
        theme = self.desk.look.chart.name
        self.query_one("#account-facts", Pane).show(words.profile_items(account.profile, theme, now, zone))
        mine = person.actor.session_id if person else None
        self._sessions = {str(row.id): row for row in account.sessions}
        rows = [words.session_row(row, mine, now, zone) for row in account.sessions]
        self._list.settle(rows, empty=["No session of yours is open."])
        self.redraw_frame()

    def _failed(self, error: DataPulseError) -> None:
        if self.account is None:
            self.query_one("#account-facts", Pane).show([Item("critical", error.message), Item("text", error.hint)])
        else:
            self.desk.report(error)

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, person = action_id.rpartition(".")[2], self.desk.person
        if verb in ("edit", "password") and self.account is None:
            return "The account is still being read."
        if verb == "password" and person is not None and not person.has_password:
            return "You were let in without a password; an administrator sets one."
        if verb == "end" and self._session is None:
            return "No session is selected."
        if verb == "end_others" and not self._others:
            return "You have no other session."
        return ""

    @property
    def _others(self) -> list[SessionRow]:
        person = self.desk.person
        mine = person.actor.session_id if person else None
        return [row for row in self._sessions.values() if row.id != mine]

    def do_edit(self) -> None:
        from datapulse_tui.tui.screens.account.form import AccountFormScreen

        if self.account is not None:
            self.desk.push_screen(AccountFormScreen(self.account.profile), self._edited)

    def _edited(self, saved: bool | None) -> None:  # noqa: FBT001
        if saved:
            self.reread()

    def do_password(self) -> None:
        from datapulse_tui.tui.screens.account.password import PasswordScreen

        self.desk.push_screen(PasswordScreen(), self._edited)

    def do_keys(self) -> None:
        from datapulse_tui.tui.screens.admin.my_keys import MyKeysScreen

        self.desk.push_screen(MyKeysScreen())

    def do_end(self) -> None:
        row, person = self._session, self.desk.person
        if row is None or person is None:
            return
        if row.id == person.actor.session_id:
            question = "This is the session that you are in. Sign out?"
            self.desk.push_screen(ConfirmScreen(question, yes="Sign out"), self._sign_out)
            return
        where = f"from {row.ip_address} " if row.ip_address else ""
        question = f"End the session {where}that began {words.ago_words(row.started_at, self.desk.now())}?"
        self.desk.push_screen(ConfirmScreen(question, yes="End it"), partial(self._end, row))

    def _sign_out(self, sure: bool | None) -> None:  # noqa: FBT001
        if sure:
            self.desk.session.sign_out()

    def _end(self, row: SessionRow, sure: bool | None) -> None:  # noqa: FBT001
        services = self.desk.services
        if sure:
            self.desk.session.save(
                "ending a session",
                lambda person: services.end_session(person, row.id),
                done=partial(self._done, "The session was ended."),
            )

    def do_end_others(self) -> None:
        count = len(self._others)
        question = f"End your {count} other session{'' if count == 1 else 's'}? Their desks go to the sign-in."
        self.desk.push_screen(ConfirmScreen(question, yes="End them"), self._end_others)

    def _end_others(self, sure: bool | None) -> None:  # noqa: FBT001
        services = self.desk.services

        async def work(person: Person) -> None:
            await services.end_other_sessions(person)

        if sure:
            self.desk.session.save(
                "ending other sessions", work, done=partial(self._done, "Your other sessions were ended.")
            )

    def _done(self, told: str) -> None:
        self.desk.say(told)
        if self.is_attached:
            self.reread()

    def do_across(self) -> None:
        facts = self.query_one("#account-facts", Pane)
        self.set_focus(self._list if facts.has_focus else facts)

    def do_refresh(self) -> None:
        self.reread()

    def do_back(self) -> None:
        self.desk.pop_screen()
