"""Everything that people, timers and workers can do with requests, in any order and two at a time, on a real database.

After each step the database's own journal must be as it must always be (see journal.py), and what one person alone may
decide is what a second implementation of that, written here from the words of the design, says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from datapulse_tui.data.database import Database
from datapulse_tui.errors import Conflict, DataPulseError, Invalid
from datapulse_tui.workflows import effects, timers
from datapulse_tui.workflows.service import decisions, delegations, requests
from datapulse_tui.workflows.types import registry
from tests.workflows.conftest import Deed, Favour, Office
from tests.workflows.journal import TABLES, Journal

ROLES = {
    "ada": "admin", "olga": "ops_manager", "otto": "ops_manager", "oda": "ops_manager", "bea": "business_user",
    "bob": "business_user",
}  # fmt: skip
NICKS = tuple(ROLES)
MOST = 4  # requests of one example
REQUESTERS = ("bea", "bea", "bob", "olga")
DECIDERS = ("ada", "olga", "otto", "oda")
TIMES = (timedelta(seconds=11), timedelta(hours=5), timedelta(hours=5), timedelta(hours=30), timedelta(days=31))
ELAPSE = ", ".join(
    f"{name}_at = {name}_at - %(span)s"
    for name in ("created", "due", "expires", "timer", "final", "paused", "reminded", "escalated")
)


class Errand(Deed):
    """What its effect does is told by the table of deeds, as often as it does it."""

    name: ClassVar[str] = "errand"
    mood: ClassVar[str] = "willing"

    async def carry_out(self, session: Any, authority: Any, request: Any) -> str:
        await session.execute(text("INSERT INTO deeds VALUES (:id)"), {"id": request.id})
        if self.mood == "busy":
            raise Conflict("Not now.")
        if self.mood == "unwilling":
            raise Invalid("Never.")
        if self.mood == "broken":
            raise RuntimeError("it broke")
        return "done"


@dataclass(frozen=True)
class Move:
    """Something to be done: by whom, with which request (counted from the newest), with the help of whom."""

    verb: str
    who: str
    which: int = 0
    step: int = 1

    @property
    def other(self) -> str:
        """Somebody else; themselves after a whole round."""
        return NICKS[(NICKS.index(self.who) + self.step) % len(NICKS)]


VOTES = ("approve", "approve", "approve", "reject")
ON_REQUESTS = (
    *VOTES, "undo", "undo", "ask", "claim", "release", "delegate", "delegate", "comment", "complete", "run_again",
    "withdraw", "edit", "give",
)  # fmt: skip
ON_PEOPLE = ("stand_in", "stand_in", "come_back", "leave")
BY_ITSELF = ("tick", "work", "fail", "break", "refuse")
MOODS = {"work": "willing", "fail": "busy", "break": "broken", "refuse": "unwilling"}
WHICH, STEP = st.integers(0, 2), st.integers(1, len(ROLES) - 1)


def moves(*verbs: str, who: tuple[str, ...] = DECIDERS + NICKS) -> st.SearchStrategy[Move]:
    return st.builds(Move, st.sampled_from(verbs), st.sampled_from(who), WHICH, STEP)


@dataclass
class Stage:
    """The database of a test, its people, and the loop in which everything happens."""

    runner: asyncio.Runner
    office: Office
    journal: Journal

    def run(self, work: Any) -> Any:
        return self.runner.run(work)


class Requests(RuleBasedStateMachine):
    """See the module."""

    stage: ClassVar[Stage]

    @initialize()
    def begin(self) -> None:
        self.journal = self.stage.journal
        self.office = self.stage.office
        self.journal.empty()
        self.journal.rows("UPDATE users SET status = 'active'")
        self.made: list[UUID] = []

    @precondition(lambda self: len(self.made) < MOST)
    @rule(
        who=st.sampled_from(REQUESTERS),
        type_=st.sampled_from(("errand", "errand", "favour")),
        quorum=st.sampled_from((1, 2, 2, 3)),
        audience=st.sampled_from(("permission:workflow:decide", "permission:workflow:decide", "role:admin", "people")),
        about=st.sampled_from(("", "", "otto", "oda")),
    )
    def ask(self, who: str, type_: str, quorum: int, audience: str, about: str) -> None:
        people = " ".join(f"user:{self.id(each)}" for each in ("olga", "otto", "bob"))
        words = people if audience == "people" else audience
        fields: dict[str, Any] = {"quorum": quorum, "words": words, "about": str(self.id(about)) if about else ""}
        try:
            self.made.append(self.stage.run(self.office.ask(self.office.people[who], type=type_, **fields)))
        except DataPulseError as error:
            raise AssertionError(f"{who} may ask: {error.message}") from error
        self.journal.check()

    @precondition(lambda self: bool(self.made))
    @rule(move=moves(*VOTES, who=(*DECIDERS, "bob")))
    def vote(self, move: Move) -> None:
        """One alone: who votes may, and whoever may can."""
        expected = self.may_vote(move)
        done = self.stage.run(self.perform(move))
        assert done == bool(expected), f"{move}: {done}"
        if done:
            sql = "SELECT principal_id FROM workflow_votes WHERE workflow_id = %s AND actor_id = %s ORDER BY created_at"
            assert self.journal.rows(sql, [self.request(move), self.id(move.who)])[-1][0] in expected
        self.journal.check()

    @precondition(lambda self: bool(self.made))
    @rule(move=moves(*ON_REQUESTS, *ON_PEOPLE))
    def one(self, move: Move) -> None:
        self.stage.run(self.perform(move))
        self.journal.check()

    @precondition(lambda self: bool(self.made))
    @rule(first=moves(*VOTES, "undo", who=DECIDERS), second=moves(*ON_REQUESTS, "tick"))
    def two(self, first: Move, second: Move) -> None:
        """A vote meets something else on the same request; neither waits to be told of the other."""
        self.together(first, replace(second, which=first.which))

    @precondition(lambda self: bool(self.made))
    @rule(first=moves(*VOTES, who=DECIDERS), second=moves("leave", "come_back", "stand_in"))
    def rights_change(self, first: Move, second: Move) -> None:
        """A vote meets the end of what it relies on."""
        away = replace(second, who=first.who, step=len(NICKS)) if second.verb == "leave" else second
        self.together(first, away)

    @precondition(lambda self: bool(self.made))
    @rule(first=moves(*BY_ITSELF), second=moves(*BY_ITSELF, "run_again", "undo", "edit", "withdraw"))
    def at_work(self, first: Move, second: Move) -> None:
        """Ten seconds later; timers and workers meet each other, and people."""
        self.pass_by(TIMES[0])
        self.together(first, second)

    @precondition(lambda self: bool(self.made))
    @rule(mood=st.sampled_from(BY_ITSELF))
    def settle(self, mood: str) -> None:
        """What is decided becomes final, and its effect is tried; then somebody may be back."""
        self.pass_by(TIMES[0])
        for verb in ("tick", mood):
            self.stage.run(self.perform(Move(verb, "ada")))
            self.journal.check()

    @rule()
    def all_are_back(self) -> None:
        self.journal.rows("UPDATE users SET status = 'active'")

    @precondition(lambda self: bool(self.made))
    @rule(span=st.sampled_from(TIMES))
    def elapse(self, span: timedelta) -> None:
        self.pass_by(span)
        self.stage.run(timers.run_due(self.office.data))
        self.journal.check()

    def together(self, *given: Move) -> None:
        async def both() -> None:
            await asyncio.gather(*(self.perform(each) for each in given))

        self.stage.run(both())
        self.journal.check()

    def pass_by(self, span: timedelta) -> None:
        self.journal.rows(f"UPDATE workflows SET {ELAPSE}", {"span": span})

    def teardown(self) -> None:
        """In the end everything comes to an end."""
        if not hasattr(self, "made"):
            return
        for verb in ("tick", "tick", "work"):  # what is final by then, what is too old by then, and what follows
            self.pass_by(timedelta(days=31))
            self.stage.run(self.perform(Move(verb, "ada")))
        self.journal.check()
        left = self.journal.rows(
            "SELECT status, effect_state FROM workflows WHERE status = 'pending' OR effect_state = 'waiting'"
        )
        assert left == []

    # -- doing it ------------------------------------------------------------------------------------------------------

    def id(self, nick: str) -> UUID:
        found = self.office.people[nick].user_id
        assert found is not None
        return found

    def request(self, move: Move) -> UUID:
        return self.made[-1 - move.which % len(self.made)]

    async def perform(self, move: Move) -> bool:
        """Whether it was done; what is refused is told by a DataPulseError, and anything else is a mistake."""
        if move.verb in BY_ITSELF:
            Errand.mood = MOODS.get(move.verb, Errand.mood)
            work = timers if move.verb == "tick" else effects
            return bool(await work.run_due(self.office.data))
        try:
            async with self.office.data.transaction() as session:
                await (self.with_people if move.verb in ON_PEOPLE else self.with_request)(session, move)
        except DataPulseError:
            return False
        return True

    async def with_request(self, session: Any, move: Move) -> None:
        key, who, other = self.request(move), self.office.people[move.who], self.id(move.other)
        row = (await session.execute(text("SELECT * FROM workflows WHERE id = :id"), {"id": key})).one()
        requester = next(each for each in self.office.people.values() if each.user_id == row.requester_id)
        seen = [(key, row.version)]
        # Only the requester edits, answers and withdraws; that others may not is tried now and then.
        asker = who if move.step == 1 else requester
        fields = {**row.details["fields"], "what": f"version {row.version + 1}"}
        verbs: Mapping[str, Any] = {
            "approve": lambda: decisions.approve(session, who, seen),
            "reject": lambda: decisions.reject(session, who, seen, "no"),
            "undo": lambda: decisions.undo(session, who, seen),
            "ask": lambda: decisions.ask_information(session, who, seen, "why?"),
            "claim": lambda: decisions.claim(session, who, seen),
            "release": lambda: decisions.release(session, who, seen),
            "delegate": lambda: decisions.delegate(session, who, seen, other),
            "complete": lambda: decisions.complete(session, who, seen),
            "comment": lambda: requests.comment(session, who, seen, "hm"),
            "run_again": lambda: effects.run_again(session, who, key),
            "withdraw": lambda: requests.withdraw(session, asker, seen),
            "edit": lambda: requests.edit(session, asker, key, row.version, fields),
            "give": lambda: requests.give_information(session, asker, key, "so"),
        }
        await verbs[move.verb]()

    async def with_people(self, session: Any, move: Move) -> None:
        who, other = self.id(move.who), self.id(move.other)
        if move.verb == "stand_in":
            now = datetime.now(UTC)
            range_ = (now - timedelta(hours=1), now + timedelta(days=1))
            await delegations.create(session, self.office.people[move.who], who, other, range_)
        elif move.verb == "come_back":
            sql = text("SELECT id FROM delegations WHERE principal_id = :id AND ended_at IS NULL")
            for each in (await session.scalars(sql, {"id": who})).all():
                await delegations.end(session, self.office.people[move.who], each)
        else:
            await session.execute(text("UPDATE users SET status = 'inactive' WHERE id = :id"), {"id": other})

    # -- the second implementation -------------------------------------------------------------------------------------

    def may_vote(self, move: Move) -> set[UUID]:
        """In whose right this person may vote now; nobody's where they may not."""
        key, me = self.request(move), self.id(move.who)
        (row,) = self.journal.rows("SELECT * FROM workflows WHERE id = %s", [key])
        active = {each.id for each in self.journal.rows("SELECT id FROM users WHERE status = 'active'")}
        votes = self.journal.rows("SELECT * FROM workflow_votes WHERE workflow_id = %s AND retracted_at IS NULL", [key])
        voted = {person for vote in votes for person in (vote.actor_id, vote.principal_id)}
        excluded = {str(row.requester_id), *row.details["refused"]}
        if row.status != "pending" or row.final_at is not None or me not in active or me in voted:
            return set()
        if str(me) in excluded:
            return set()
        given = self.journal.rows(
            "SELECT details->>'principal' AS principal FROM workflow_events "
            "WHERE workflow_id = %s AND kind = 'delegated' ORDER BY id DESC LIMIT 1",
            [key],
        )
        lender = given[0].principal if given and row.approver_id == me else None
        # Whoever was given it in another's name has the name on the list for that alone.
        if self.words(me, named=lender is None) & set(row.audience):
            return {me}
        if ROLES[move.who] == "business_user":
            return set()
        away = self.journal.rows(
            "SELECT principal_id FROM delegations WHERE substitute_id = %s AND ended_at IS NULL", [me]
        )
        principals = {each.principal_id for each in away}
        if lender and f"user:{me}" in row.audience:
            principals.add(UUID(lender))
        return {
            each
            for each in principals
            if each in active and each not in voted and str(each) not in excluded
            and self.words(each, named=True) & set(row.audience)
        }  # fmt: skip

    def words(self, person: UUID, *, named: bool) -> set[str]:
        role = next(ROLES[nick] for nick in NICKS if self.id(nick) == person)
        found = {f"user:{person}"} if named else set()
        if role != "business_user":
            found.add("permission:workflow:decide")
        if role == "admin":
            found.add("role:admin")
        return found


@contextmanager
def stage(database_url: str, owner_url: str) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        office = Office(Database(database_url))
        journal = Journal(owner_url)
        try:
            journal.connection.execute(TABLES.encode())
            for nick, role in ROLES.items():
                runner.run(office.person(nick, role))
            yield Stage(runner, office, journal)
        finally:
            journal.connection.close()
            runner.run(office.data.dispose())


def play(database_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch, examples: int, steps: int) -> None:
    kinds = {**registry.TYPES, "favour": Favour(), "errand": Errand()}
    monkeypatch.setattr(registry, "TYPES", kinds)
    monkeypatch.setattr(effects.logger, "exception", lambda *_: None)  # what breaks here is meant to
    with stage(database_url, owner_url) as made:
        Requests.stage = made
        run_state_machine_as_test(
            Requests,
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip


def test_whatever_happens_in_whatever_order(
    database_url: str, owner_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(database_url, owner_url, monkeypatch, 6, 30)


@pytest.mark.soak
def test_whatever_happens_for_long(
    database_url: str, owner_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(database_url, owner_url, monkeypatch, 400, 50)
