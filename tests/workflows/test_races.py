"""Two processes that decide the same request at the same moment: one decision, one effect, and the other is told."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.workflows.service import decisions, requests
from tests.processes import Conversation
from tests.workflows.effects_world import World

HEAD_START = 0.03  # seconds in which both get their order before the moment comes
FIRST = re.compile(r"Conflict: #\d+ .*: already (approved|rejected) by A\w+ at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\. Noth")

ADMINS = ("Ada", "Abe", "Ann")  # who decide; in this order they are 0, 1, 2, and the requester is 3
REQUESTER = 3
OVER = "UPDATE workflows SET final_at = now(), timer_at = now() WHERE final_at IS NOT NULL"


@dataclass
class Race:
    """Two processes and the requests that they race for."""

    world: World
    people: list[Actor]
    processes: list[Conversation]
    overlapped: int = 0
    rounds: int = 0

    async def order(self, *orders: dict[str, Any]) -> list[Any]:
        """Have each process do one thing, at the same moment; (done, said) of each."""
        at = time.time() + HEAD_START
        for process, order in zip(self.processes, orders, strict=True):
            process.orders.write(json.dumps({"at": at, **order}).encode() + b"\n")
        answers = [asyncio.to_thread(process.answers.readline) for process in self.processes]
        found = [json.loads(answer) for answer in await asyncio.wait_for(asyncio.gather(*answers), 60)]
        self.rounds += 1
        self.overlapped += max(each["began"] for each in found) < min(each["ended"] for each in found)
        return [(each["done"], each["said"]) for each in found]

    async def both(self, request: UUID, *moves: tuple[str, int], version: int = 1) -> list[Any]:
        """(verb, who) of each process, on one request."""
        return await self.order(
            *({"verb": verb, "who": who, "request": str(request), "version": version} for verb, who in moves)
        )

    async def ask(self, type_: str, fields: dict[str, str]) -> UUID:
        async with self.world.data.transaction() as session:
            return await requests.create(session, self.people[REQUESTER], type_, fields)

    async def grant(self, number: int) -> UUID:
        """A request for a custom role of its own: one administrator is enough."""
        await self.world.role(f"role {number}")
        return await self.ask("role_grant", {"role": f"role {number}", "reason": "to race"})

    async def deletion(self, number: int) -> UUID:
        """A request to delete a source: two administrators have to want it."""
        await self.world.source(f"source {number}")
        return await self.ask("data_source_deletion", {"source": f"source {number}", "reason": "to race"})

    async def work(self) -> None:
        """Let ten seconds go by; then both processes make decisions final and carry out effects, at the same time."""
        await self.world.rows(OVER)
        await self.order({"verb": "work"}, {"verb": "work"})

    async def votes(self, request: UUID) -> int:
        sql = "SELECT count(*) FROM workflow_votes WHERE workflow_id = :id AND retracted_at IS NULL"
        return int(await self.world.one(sql, id=request))

    async def happened(self, request: UUID) -> list[str]:
        found = await self.world.rows(
            "SELECT kind FROM workflow_events WHERE workflow_id = :id ORDER BY id", id=request
        )
        return [row.kind for row in found if row.kind in ("decided", "effect_done", "effect_failed", "withdrawn")]

    async def audited(self, action: str) -> int:
        return int(await self.world.one("SELECT count(*) FROM audit_logs WHERE action = :action", action=action))


@asynccontextmanager
async def races(url: str) -> AsyncIterator[Race]:
    """Three administrators, a business user who asks, and two processes that know them."""
    data = Database(url)
    world = World(data)
    people = [await world.person(name.lower(), "admin") for name in ADMINS]
    people.append(await world.person("bea", "analyst"))
    processes = []
    try:
        for _ in range(2):
            process = Conversation.begin("tests.workflows.racer", environment=os.environ | {"RACE_URL": url})
            processes.append(process)
            process.orders.write(json.dumps([str(each.user_id) for each in people]).encode() + b"\n")
        yield Race(world, people, processes)
    finally:
        for process in processes:
            process.kill()
        await data.dispose()


async def one_wins(race: Race, rounds: int) -> None:
    """Two administrators approve, or one approves and one rejects; the other hears who was first."""
    made: list[tuple[UUID, str]] = []
    for number in range(rounds):
        request = await race.grant(number)
        moves = (("approve", 0), ("approve" if number % 3 else "reject", 1))
        answers = await race.both(request, *moves)
        won = [move for move, (done, _) in zip(moves, answers, strict=True) if done]
        assert len(won) == 1, answers
        (said,) = [said for done, said in answers if not done]
        assert FIRST.match(said), said
        assert await race.votes(request) == 1
        made.append((request, won[0][0]))
    await race.work()
    for request, verb in made:
        row = await race.world.workflow(request)
        if verb == "approve":
            assert (row.status, row.outcome, row.effect_state) == ("completed", "approved", "done")
            assert await race.happened(request) == ["decided", "effect_done"]
        else:
            assert (row.status, row.outcome, row.effect_state) == ("rejected", "rejected", "none")
            assert await race.happened(request) == ["decided"]
    approved = sum(verb == "approve" for _, verb in made)
    assert await race.world.one("SELECT count(*) FROM user_roles") == approved
    assert await race.audited("workflow.approved") == await race.audited("workflow.effect_done") == approved
    assert await race.audited("workflow.rejected") == rounds - approved


async def two_make_a_quorum(race: Race, rounds: int) -> None:
    """Two votes at once that are both needed decide once; every other time one is there already, and one wins."""
    made = []
    for number in range(rounds):
        request = await race.deletion(number)
        if number % 2:
            async with race.world.data.transaction() as session:
                await decisions.approve(session, race.people[2], [(request, 1)])
        answers = await race.both(request, ("approve", 0), ("approve", 1))
        done = [said for done, said in answers if done]
        if number % 2:
            assert len(done) == 1, answers
            (late,) = [said for done, said in answers if not done]
            assert FIRST.match(late), late
        else:
            assert sorted(done) == ["approved", "approved; it needs 1 more"]
        assert await race.votes(request) == 2
        made.append(request)
    await race.work()
    for request in made:
        row = await race.world.workflow(request)
        assert (row.status, row.effect_state) == ("completed", "done")
        assert await race.happened(request) == ["decided", "effect_done"]
    assert await race.world.one("SELECT count(*) FROM data_sources") == 0
    assert await race.audited("source.deleted") == rounds == await race.audited("workflow.effect_done")


async def what_else_can_meet(race: Race, rounds: int) -> None:
    """A decision meets a withdrawal, an edit, or its own undoing by timers that have made it final."""
    for number in range(rounds):
        request = await race.ask("free_form", {"subject": f"number {number}"})
        kind = ("withdraw", "edit", "undo")[number % 3]
        if kind == "undo":
            async with race.world.data.transaction() as session:
                await decisions.approve(session, race.people[0], [(request, 1)])
            await race.world.rows("UPDATE workflows SET timer_at = now() WHERE id = :id", id=request)
            (taken_back, said), _ = await race.order(
                {"verb": "undo", "who": 0, "request": str(request), "version": 1}, {"verb": "work"}
            )
            assert taken_back, said
            await race.work()
            assert (await race.world.workflow(request)).status == "pending"
            assert await race.happened(request) == []
            continue
        answers = await race.both(request, ("approve", 0), (kind, REQUESTER))
        assert [done for done, _ in answers].count(True) == 1, answers
        approved = answers[0][0]
        await race.work()
        row = await race.world.workflow(request)
        if approved:
            assert (row.status, row.version) == ("approved", 1)
        elif kind == "edit":
            assert "changed by Bea" in answers[0][1]
            assert (row.status, row.version, await race.votes(request)) == ("pending", 2, 0)
        else:
            assert "already withdrawn by Bea" in answers[0][1]
            assert (row.outcome, await race.votes(request)) == ("withdrawn", 0)


async def run(url: str, game: Any, rounds: int) -> Race:
    async with races(url) as race:
        await game(race, rounds)
    # Otherwise they took turns, and this has shown nothing.
    assert race.overlapped > race.rounds * 0.5
    return race


GAMES: Sequence[Any] = (one_wins, two_make_a_quorum)


@pytest.mark.parametrize("game", GAMES)
async def test_two_processes_at_the_same_moment(game: Any, database_url: str, home: Path) -> None:
    await run(database_url, game, 50)


async def test_a_decision_meets_something_else(database_url: str, home: Path) -> None:
    await run(database_url, what_else_can_meet, 18)


@pytest.mark.soak
@pytest.mark.parametrize("game", [*GAMES, what_else_can_meet])
async def test_a_thousand_times(game: Any, database_url: str, home: Path) -> None:
    race = await run(database_url, game, 1_000)
    print(f"{game.__name__}: {race.rounds:,} races, {race.overlapped:,} of them at the same time")
