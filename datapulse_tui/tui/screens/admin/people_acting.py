"""What can be done with people, from the list and from one person's screen: ask what has to be asked, show for many
what would become of each, act on what was seen, and tell what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from datapulse_tui.errors import DataPulseError
from datapulse_tui.people.rules import Status
from datapulse_tui.tui.desk_people import Choices, PersonLine, PersonView
from datapulse_tui.tui.screens.acting import ActingScreen, Done, Outcome, Seen, Verb
from datapulse_tui.tui.screens.admin import people_words as words
from datapulse_tui.tui.screens.admin.people_dialogs import DeactivateScreen, FatesScreen, PickScreen, to_whom
from datapulse_tui.tui.screens.alerts.ask import ask
from datapulse_tui.tui.screens.confirm import ConfirmScreen, MessageScreen
from datapulse_tui.tui.widgets.choice import Option
from datapulse_tui.tui.widgets.pane import Item

if TYPE_CHECKING:
    from datapulse_tui.people.belongings import Belonging
    from datapulse_tui.people.editing_many import Change
    from datapulse_tui.people.invitations import Invited
    from datapulse_tui.people.views import PersonRow
    from datapulse_tui.tui.services import Person

T = TypeVar("T")
NOUN = "people"
NO_DEPARTMENT = "none"
_verb = partial(Verb, noun=NOUN, moves=False)

ACTIVATE = _verb("activate", "Activate", "activating", "activated")
DEACTIVATE = _verb("deactivate", "Deactivate", "deactivating", "deactivated")
SET_ROLE = _verb("role", "Set the role of", "setting the role of", "given the role")
MOVE = _verb("department", "Move", "moving", "moved")
GIVE = _verb("give", "Give a role to", "giving a role to", "given the role")
TAKE = _verb("take", "Take a role from", "taking a role from", "parted from the role")

NEEDS = {
    "new": "user:create",
    "edit": "user:update",
    "role": "user:set_role",
    "department": "user:update",
    "activate": "user:activate",
    "deactivate": "user:deactivate",
    "give": "role:assign",
    "take": "role:assign",
    "invite": "user:create",
    "reset": "user:set_password",
    "unlock": "user:unlock",
    "sessions": "session:manage",
    "import": "user:create",
}
ONE = ("edit", "invite", "reset", "unlock", "why", "sessions")


class PeopleActing(ActingScreen):
    """A screen with people to act on. What it shows of them while and after is its own."""

    def chosen_people(self) -> list[PersonLine]:
        """The people that a verb means now."""
        raise NotImplementedError

    async def came_true(self, verb: Verb, meant: Seen, since: datetime) -> bool:  # noqa: ARG002
        person = self.desk.person
        if person is None or verb in (GIVE, TAKE):  # a custom role makes no other version of an account
            return False
        return await self.desk.services.people_moved_on(person, meant)

    def act_said(self, verb: Verb, outcomes: Sequence[Outcome]) -> None:
        for each in outcomes[:1]:
            said = f"{each.title} {each.message}." if each.message else f"{verb.done.capitalize()}."
            self.desk.say(said, severity="information" if each.done else "warning")

    # -- what can be done ----------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        verb, person, rows = action_id.rpartition(".")[2], self.desk.person, self.chosen_people()
        needed = NEEDS.get(verb)
        if needed is not None and (person is None or not person.actor.can(needed)):
            return f"This needs the permission {needed}."
        if verb in (*NEEDS, *ONE, "copy") and verb not in ("new", "import") and not rows:
            return "Nobody is selected."
        if verb in ONE and len(rows) > 1:
            return "This is done with one person at a time."
        if not rows:
            return super().why_not(action_id)
        return _why_not_now(verb, [line.person for line in rows]) or super().why_not(action_id)

    # -- one or many, in one way ---------------------------------------------------------------------------------------

    def change(self, verb: Verb, rows: Sequence[PersonLine], change: Change) -> None:
        """Change one at once; show for many first what would become of each."""
        services, person = self.desk.services, self.desk.person
        if person is None or not rows:
            return
        call = partial(services.change_people, change=change)
        if len(rows) == 1:
            self.act(verb, rows, call)
            return
        seen = [(row.id, row.version) for row in rows]

        async def answered(go_on: bool | None, able: set[UUID]) -> None:  # noqa: FBT001
            if go_on:
                self.act(verb, [row for row in rows if row.id in able], call)

        def looked(outcomes: Sequence[Outcome]) -> None:
            able = {each.id for each in outcomes if each.done}
            title = f"{verb.label} {len(able):,} of {len(rows):,} people?" if able else "None of them can be."
            yes = f"does it with {len(able):,}" if able else ""
            self.desk.call_later(ask, self.desk, FatesScreen(title, outcomes, yes=yes), partial(answered, able=able))

        work = partial(services.preview_people, person, seen, change)
        self.read("preview", "looking what would become of them", work, looked)

    def tell(self, title: str, outcomes: Sequence[Outcome], noun: str) -> None:  # noqa: ARG002
        self.desk.call_later(ask, self.desk, FatesScreen(title, outcomes))

    def do_activate(self) -> None:
        from datapulse_tui.people.editing_many import Change, Way

        self.change(ACTIVATE, self.chosen_people(), Change(Way.ACTIVATE))

    def do_deactivate(self) -> None:
        services, person, rows = self.desk.services, self.desk.person, self.chosen_people()
        if person is None:
            return
        if len(rows) == 1:
            work = partial(services.belongings_of, person, rows[0].id)
            self.read("belongings", "reading what they have", work, partial(self._ask_deactivate, rows))
        else:
            self._ask_deactivate(rows, None)

    def _ask_deactivate(self, rows: Sequence[PersonLine], has: Sequence[Belonging] | None) -> None:
        from datapulse_tui.people.editing_many import Change, Way

        def answered(answer: str | None) -> None:
            if answer is not None:
                self.change(DEACTIVATE, rows, Change(Way.DEACTIVATE, id=to_whom(answer)))

        who = rows[0].title if len(rows) == 1 else f"{len(rows):,} people"
        items = [Item("dim", "All that each of them has; the next step lists it.")]
        what = "Their sessions end at once; nothing of theirs is deleted."
        if has is not None:
            items = [Item("fact", f"{each.title} {each.note}".strip(), each.kind) for each in has]
            what += f" They have {len(has):,} that would need somebody:" if has else " They have nothing to hand over."
        self.desk.call_later(ask, self.desk, DeactivateScreen(f"Deactivate {who}? {what}", items), answered)

    def do_role(self) -> None:
        from datapulse_tui.people.editing_many import Change, Way

        rows = self.chosen_people()
        self._pick(
            f"The role of {_named(rows)}",
            words.ROLES,
            lambda key: self.change(SET_ROLE, rows, Change(Way.SET_ROLE, role=key)),
        )

    def do_department(self) -> None:
        from datapulse_tui.people.editing_many import Change, Way

        rows = self.chosen_people()

        def chosen(key: str) -> None:
            self.change(MOVE, rows, Change(Way.SET_DEPARTMENT, id=None if key == NO_DEPARTMENT else UUID(key)))

        def came(choices: Choices) -> None:
            options = [Option(str(each), name) for each, name in choices.departments]
            none = Option(NO_DEPARTMENT, "no department", "out of the one in which they are")
            self._pick(f"The department of {_named(rows)}", [*options, none], chosen)

        self._with_choices(came)

    def do_give(self) -> None:
        from datapulse_tui.people.editing_many import Change, Way

        rows = self.chosen_people()

        def chosen(key: str) -> None:
            self.change(GIVE, rows, Change(Way.GIVE_ROLE, id=UUID(key)))

        def came(choices: Choices) -> None:
            options = [Option(str(each), name) for each, name in choices.roles]
            empty = "There is no custom role; they are made under Roles."
            self._pick(f"A custom role for {_named(rows)}", options, chosen, empty=empty)

        self._with_choices(came)

    def do_take(self) -> None:
        from datapulse_tui.people.editing_many import Change, Way

        rows = self.chosen_people()
        had = {name for line in rows for name in line.person.custom_roles}

        def chosen(key: str) -> None:
            self.change(TAKE, rows, Change(Way.TAKE_ROLE, id=UUID(key)))

        def came(choices: Choices) -> None:
            options = [Option(str(each), name) for each, name in choices.roles if name in had]
            self._pick(f"The custom role to take away from {_named(rows)}", options, chosen)

        self._with_choices(came)

    # -- one -----------------------------------------------------------------------------------------------------------

    def do_new(self) -> None:
        from datapulse_tui.tui.screens.admin.person_form import PersonForm

        def came(choices: Choices) -> None:
            self.desk.call_later(ask, self.desk, PersonForm(None, choices))

        self._with_choices(came)

    def do_edit(self) -> None:
        from datapulse_tui.tui.screens.admin.person_form import PersonForm

        services, person, line = self.desk.services, self.desk.person, self.chosen_people()[0]
        if person is None:
            return

        def came(found: tuple[PersonView, Choices]) -> None:
            view, choices = found
            self.desk.call_later(ask, self.desk, PersonForm(view.detail, choices), saved)

        def saved(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                self.happened([Done(line.id, line.title)])

        async def work() -> tuple[PersonView, Choices]:
            return await services.somebody(person, line.id), await services.person_choices(person)

        self.read("choices", "reading the account", work, came)

    def do_invite(self) -> None:
        line, services = self.chosen_people()[0], self.desk.services
        zone = self.desk.session.zone

        def tell(invited: Invited) -> None:
            self._tell_once(words.invited_items(line.title, invited, zone))

        self._once(line, "inviting somebody", lambda person: services.invite_again(person, line.id), tell)

    def do_reset(self) -> None:
        line, services = self.chosen_people()[0], self.desk.services

        def tell(password: str) -> None:
            self._tell_once(words.password_items(line.title, password))

        def answered(yes: bool | None) -> None:  # noqa: FBT001
            if yes:
                work = partial(services.reset_somebodys_password, user_id=line.id)
                self._once(line, "resetting a password", work, tell)

        question = f"Give {line.title} a temporary password? Theirs is worth nothing any more, and their sessions end."
        self.desk.push_screen(ConfirmScreen(question, yes="Reset"), answered)

    def do_unlock(self) -> None:
        line, services = self.chosen_people()[0], self.desk.services

        def tell(_: None) -> None:
            self.desk.say(f"{line.title} can try again now.")

        self._once(line, "unlocking an account", lambda person: services.unlock_somebody(person, line.id), tell)

    async def do_why(self) -> None:
        from datapulse_tui.tui.screens.admin.why import WhyMayScreen

        row = self.chosen_people()[0].person
        await ask(self.desk, WhyMayScreen(Option(str(row.id), row.name, row.email)))

    def do_copy(self) -> None:
        rows = self.chosen_people()
        self.desk.copy_to_clipboard(", ".join(line.person.email for line in rows))
        self.desk.say(f"Copied: {rows[0].person.email}" if len(rows) == 1 else f"Copied: {len(rows):,} addresses")

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _pick(self, title: str, options: Sequence[Option], then: Callable[[str], None], *, empty: str = "") -> None:
        def answered(key: str | None) -> None:
            if key is not None:
                then(key)

        self.desk.call_later(ask, self.desk, PickScreen(title, options, empty=empty), answered)

    def _with_choices(self, then: Callable[[Choices], None]) -> None:
        services, person = self.desk.services, self.desk.person
        if person is not None:
            self.read("choices", "reading what there is to choose", partial(services.person_choices, person), then)

    def _once(
        self, line: PersonLine, doing: str, call: Callable[[Person], Awaitable[T]], tell: Callable[[T], None]
    ) -> None:
        """Do something whose answer is kept nowhere, and tell it."""
        found: list[T] = []

        async def work(person: Person) -> None:
            found[:] = [await call(person)]

        def saved() -> None:
            if self.is_attached:
                self.happened([Done(line.id, line.title)])
            tell(found[0])

        def failed(error: DataPulseError) -> None:
            if self.is_attached:
                self.not_saved([line.id], error)
            else:
                self.desk.report(error)

        self.desk.session.save(doing, work, done=saved, failed=failed)
        self.under_way([line.id])

    def _tell_once(self, items: Sequence[Item]) -> None:
        self.desk.push_screen(MessageScreen(items))


def _named(rows: Sequence[PersonLine]) -> str:
    return rows[0].title if len(rows) == 1 else f"{len(rows):,} people"


def _why_not_now(verb: str, people: Sequence[PersonRow]) -> str:
    """Why a verb cannot be done with these people as they are; empty when it can with one of them."""
    first = people[0]
    if verb == "activate" and all(row.status == Status.ACTIVE for row in people):
        return f"{first.name} is active already." if len(people) == 1 else "All of them are active already."
    if verb == "deactivate" and all(row.status == Status.INACTIVE for row in people):
        return f"{first.name} is deactivated already." if len(people) == 1 else "All are deactivated already."
    if verb == "take" and not any(row.custom_roles for row in people):
        return "No custom role is there to be taken away."
    if verb == "invite" and first.has_password:
        return f"{first.name} has a password already."
    if verb == "reset" and not first.has_password:
        return f"{first.name} has no password yet; i invites them."
    if verb == "unlock" and first.locked_until is None:
        return f"No failed sign-ins are in the way of {first.name}."
    return ""
