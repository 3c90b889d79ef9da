"""Two lists of keys, API keys above SSH keys, with the detail beside them: what one's own and everybody's share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from datapulse_tui.errors import DataPulseError
from datapulse_tui.people.key_rules import KeyState
from datapulse_tui.tui.screens.admin import key_words as words
from datapulse_tui.tui.screens.base import EVERYTHING, DeskScreen
from datapulse_tui.tui.screens.confirm import ConfirmScreen, MessageScreen
from datapulse_tui.tui.screens.pages import Pages
from datapulse_tui.tui.widgets.pane import Item, Pane
from datapulse_tui.tui.widgets.rows import RowList
from datapulse_tui.tui.widgets.tabs import TabLine

if TYPE_CHECKING:
    from datapulse_tui.data.feed import Changes
    from datapulse_tui.data.page import Page
    from datapulse_tui.people.api_keys import Outcome
    from datapulse_tui.people.key_reads import ApiKeyRow, SshKeyRow
    from datapulse_tui.tui.services import Person

    Work = Callable[[Person, Sequence[UUID]], Coroutine[Any, Any, list[Outcome]]]

TOPICS = frozenset({"keys", "people"})
DETAIL_FROM = 120  # cells of width from which the detail stands beside the lists


class KeyLists(DeskScreen):
    """`EVERYBODY` says whose keys are shown; a subclass yields what stands above the lists in `above`."""

    EVERYBODY: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._api: dict[str, ApiKeyRow] = {}
        self._ssh: dict[str, SshKeyRow] = {}
        self._chosen_filter = {"api": 0, "ssh": 0}  # the filter that is chosen
        self._pages = {"api": Pages(self, "API keys"), "ssh": Pages(self, "SSH keys")}
        self._marked: set[str] = set()

    def above(self) -> ComposeResult:
        """What stands above the lists."""
        yield from ()

    def body(self) -> ComposeResult:
        yield from self.above()
        with Horizontal(id="split"):
            with Vertical(id="key-lists"):
                for name, filters, columns in (
                    ("api", words.API_FILTERS, words.API_COLUMNS),
                    ("ssh", words.SSH_FILTERS, words.SSH_COLUMNS),
                ):
                    shown = words.with_owner(columns) if self.EVERYBODY else columns
                    yield TabLine([label for _, label in filters], id=f"{name}-filter")
                    yield RowList(shown, id=f"{name}-keys")
            yield Pane(id="key-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._fit()
        self.set_focus(self._list("api"))
        self.reread()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._fit()

    def _fit(self) -> None:
        self.query_one("#key-detail").display = self.app.size.width >= DETAIL_FROM
        self._detail()

    def _list(self, name: str) -> RowList:
        return self.query_one(f"#{name}-keys", RowList)

    @property
    def here(self) -> str:
        """The list that the cursor is in: `api` or `ssh`."""
        return "ssh" if self._list("ssh").has_focus else "api"

    @property
    def api(self) -> ApiKeyRow | None:
        """The API key under the cursor, while the cursor is among them."""
        return self._api.get(self._list("api").key) if self.here == "api" else None

    @property
    def ssh(self) -> SshKeyRow | None:
        """The SSH key under the cursor, while the cursor is among them."""
        return self._ssh.get(self._list("ssh").key) if self.here == "ssh" else None

    def _rows(self, name: str) -> dict[str, Any]:
        return dict(self._ssh if name == "ssh" else self._api)

    @property
    def chosen(self) -> list[str]:
        """The ids that a verb means: those marked in this list, or the one under the cursor."""
        rows = self._rows(self.here)
        marked = [key for key in rows if key in self._marked]
        key = self._list(self.here).key
        return marked or ([key] if key in rows else [])

    # -- reading -------------------------------------------------------------------------------------------------------

    def may_read(self, name: str) -> str:
        """Why the list called `name` cannot be read; empty when it can."""
        del name
        return ""

    def reread(self) -> None:
        self._read("api")
        self._read("ssh")

    def _read(self, name: str) -> None:
        person = self.desk.person
        if person is None:
            return
        if why := self.may_read(name):
            self._list(name).show([], empty=[why])
            return
        at = self._chosen_filter[name]
        description = f"reading the {'API' if name == 'api' else 'SSH'} keys"
        work = self._pages[name].again(partial(self._page, name, person), len(self._rows(name)))
        self.read(f"{name} keys", description, work, partial(self._first, name, at))

    async def _page(self, name: str, person: Person, after: str | None) -> Page[Any]:
        services = self.desk.services
        if name == "api":
            state = words.API_FILTERS[self._chosen_filter[name]][0]
            return await services.api_keys(person, state, after, everybody=self.EVERYBODY)  # type: ignore[arg-type]
        status = words.SSH_FILTERS[self._chosen_filter[name]][0]
        return await services.ssh_keys(person, status, after, everybody=self.EVERYBODY)  # type: ignore[arg-type]

    def changed(self, changes: Changes) -> None:
        if EVERYTHING in changes or not TOPICS.isdisjoint(changes):
            self.reread()

    def _first(self, name: str, at: int, page: Page[Any]) -> None:
        if at == self._chosen_filter[name]:
            rows: dict[str, Any] = {str(row.id): row for row in page.items}
            self._pages[name].began(page)
            self._keep(name, rows)

    def _keep(self, name: str, rows: dict[str, Any]) -> None:
        if name == "api":
            self._api = rows
        else:
            self._ssh = rows
        self._marked &= {*self._api, *self._ssh}
        self._show()

    def on_row_list_need_more(self) -> None:
        person, name = self.desk.person, self.here
        if person is None:
            return

        def more(page: Page[Any]) -> None:
            self._keep(name, self._rows(name) | {str(row.id): row for row in page.items})

        self._pages[name].ask(lambda cursor: self._page(name, person, cursor), more)

    # -- showing -------------------------------------------------------------------------------------------------------

    def empty(self, name: str) -> list[str]:
        """What is told where a list has no rows."""
        raise NotImplementedError

    def _show(self) -> None:
        now = self.desk.now()
        shown = {
            "api": [
                words.api_row(row, now, marked=key in self._marked, owner=self.EVERYBODY)
                for key, row in self._api.items()
            ],
            "ssh": [
                words.ssh_row(row, now, marked=key in self._marked, owner=self.EVERYBODY)
                for key, row in self._ssh.items()
            ],
        }
        for name, rows in shown.items():
            empty = [why] if (why := self.may_read(name)) else self.empty(name)
            self._list(name).show(rows, empty=empty)
            line = self.query_one(f"#{name}-filter", TabLine)
            line.at = self._chosen_filter[name]
            what = "API keys" if name == "api" else "SSH keys"
            line.remark = f"{what} · {len(rows):,}{'+' if self._pages[name].next else ''}"
            line.redraw()
        self._detail()
        self.redraw_frame()

    def items(self) -> list[Item]:
        """The key under the cursor in full."""
        now, zone = self.desk.now(), self.desk.session.zone
        if self.api is not None:
            return words.api_items(self.api, now, zone)
        return words.ssh_items(self.ssh, now, zone) if self.ssh is not None else []

    def _detail(self) -> None:
        pane = self.query_one("#key-detail", Pane)
        if pane.display:
            pane.show(self.items())

    def on_row_list_moved(self) -> None:
        self._detail()
        self.redraw_frame()

    def on_descendant_focus(self) -> None:
        self._detail()
        self.redraw_frame()

    # -- actions -------------------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb = action_id.rpartition(".")[2]
        if verb in ("open", "copy", "mark", "mark_all", "revoke") and not self.chosen:
            return "No key is selected."
        if verb == "revoke" and not self._can_end():
            return "It has been revoked already."
        return ""

    def _can_end(self) -> bool:
        if self.here == "ssh":
            return any(self._ssh[key].status != "revoked" for key in self.chosen)
        return any(self._api[key].state is not KeyState.REVOKED for key in self.chosen)

    def on_row_list_opened(self) -> None:
        self.do_open()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        name = event.line.removesuffix("-filter")
        if name in self._chosen_filter:
            event.stop()
            self._filter(name, event.at)

    def do_filter(self) -> None:
        self._filter(self.here, self._chosen_filter[self.here] + 1)

    def _filter(self, name: str, at: int) -> None:
        filters = words.API_FILTERS if name == "api" else words.SSH_FILTERS
        self._chosen_filter[name] = at % len(filters)
        self._pages[name].forget()
        self._read(name)

    def do_across(self) -> None:
        self.set_focus(self._list("api" if self.here == "ssh" else "ssh"))

    def do_back_across(self) -> None:
        self.do_across()

    def do_open(self) -> None:
        if self.items():
            self.desk.push_screen(MessageScreen(self.items()))

    def do_copy(self) -> None:
        """What names the key; a secret key is nowhere to be copied from."""
        if self.ssh is not None:
            self.desk.copy_to_clipboard(self.ssh.public_key)
            self.desk.say("Copied: the public key.")
        elif self.api is not None:
            self.desk.copy_to_clipboard(self.api.prefix)
            self.desk.say("Copied: its first characters. The key itself is shown only when it is made.")

    def do_mark(self) -> None:
        self._marked ^= {self._list(self.here).key}
        self._show()
        self._list(self.here).do_down()

    def do_mark_all(self) -> None:
        shown = set(self._rows(self.here))
        self._marked = self._marked - shown if shown <= self._marked else self._marked | shown
        self._show()

    def do_clear(self) -> None:
        self._marked = set()
        self._show()

    def do_refresh(self) -> None:
        self.reread()

    def do_revoke(self) -> None:
        services, ssh, keys = self.desk.services, self.here == "ssh", self.chosen
        work: Work = services.revoke_ssh_keys if ssh else services.revoke_api_keys
        what = "SSH" if ssh else "API"
        name = (self._ssh[keys[0]].name if ssh else self._api[keys[0]].name) if len(keys) == 1 else ""
        named = f"the {what} key {name}" if name else f"{len(keys):,} {what} keys"
        effect = (
            "Nobody signs in with it any more; sessions that are open go on."
            if ssh
            else "Scripts that use it stop at once."
        )
        self.ask_and_act(f"Revoke {named}? {effect} This cannot be taken back.", "Revoke", "revoking keys", work)

    def ask_and_act(self, question: str, yes: str, description: str, work: Work) -> None:
        """Ask, then do something with the chosen keys, and say what became of each."""
        ids = [UUID(key) for key in self.chosen]

        def answered(sure: bool | None) -> None:  # noqa: FBT001
            if sure:
                self.act(description, work, ids)

        self.desk.push_screen(ConfirmScreen(question, yes=yes), answered)

    def act(self, description: str, work: Work, ids: Sequence[UUID]) -> None:
        """Do something with these keys, and say what became of each."""
        became: list[Outcome] = []

        async def carry_out(person: Person) -> None:
            became.extend(await work(person, ids))

        def done() -> None:
            self._marked = set()
            self._tell(became)
            self.reread()

        def failed(error: DataPulseError) -> None:
            self.desk.report(error)
            self.reread()

        self.desk.session.save(description, carry_out, done=done, failed=failed)

    def _tell(self, became: Sequence[Outcome]) -> None:
        from datapulse_tui.tui.screens.alerts.ask import Fate, ManyScreen

        if len(became) == 1:
            self.desk.say(f"{became[0].title}: {became[0].message}.")
        elif all(each.done for each in became):
            self.desk.say(f"{len(became):,} keys: {became[0].message}.")
        else:
            fates = [Fate(each.title or "a key", each.done, each.message) for each in became]
            done = sum(each.done for each in became)
            self.desk.push_screen(ManyScreen(f"{done:,} of {len(became):,} were done", fates, noun="keys"))
