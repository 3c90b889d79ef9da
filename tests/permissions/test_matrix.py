"""Every verb of every room x everybody x what is theirs, shared with them, somebody else's; really called, on real
rows.

A verb that nobody has decided about fails with its name: write a line for it into `decisions/`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.errors import DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.people import passwords
from datapulse_tui.people.actors import SessionOver, actor_now
from tests import databases
from tests.databases import Server
from tests.permissions import collecting
from tests.permissions.decisions import DECISIONS, NOT_VERBS
from tests.permissions.table import GONE, KINDS, OPERATOR, Decision
from tests.permissions.world import Cell, World, actor_of, applies, build

TABLES = "SELECT array_agg(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
WRITTEN = """
SELECT sum(pg_stat_get_xact_tuples_inserted(t) + pg_stat_get_xact_tuples_updated(t)
           + pg_stat_get_xact_tuples_deleted(t))
FROM unnest(CAST(:tables AS oid[])) t
"""


@pytest.fixture(scope="module")
def world(server: Server, template: str) -> Iterator[World]:
    """One database for all cells of this process."""
    name = databases.create_database(server, template)
    yield build(server.url(name, "datapulse_app"), server.url(name))
    databases.drop_database(server, name)


@pytest.fixture(autouse=True)
def cheap_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 4)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def data(world: World) -> AsyncIterator[Database]:
    """One engine for all cells of this process: what it has compiled once it need not compile again."""
    found = Database(world.url)
    yield found
    await found.dispose()


@pytest_asyncio.fixture(loop_scope="module")
async def session(data: Database) -> AsyncIterator[AsyncSession]:
    """A transaction that is never committed."""

    class Never(Exception):
        """Takes everything back."""

    try:
        async with data.transaction() as session:
            yield session
            raise Never
    except Never:
        pass


@pytest.fixture
def box(world: World, tmp_path: Path) -> SecretBox:
    return SecretBox((world.key,), tmp_path / "secret.key")


def test_every_verb_has_a_decision() -> None:
    decided = set(DECISIONS) | set(NOT_VERBS)
    found = collecting.verbs()
    assert sorted(found - decided) == [], "decide about these in tests/permissions/decisions/"
    assert sorted(decided - found) == [], "these are gone"
    assert set(DECISIONS).isdisjoint(NOT_VERBS)
    assert all(NOT_VERBS.values()), "say why it is no verb"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("verb", DECISIONS)
async def test_who_may(verb: str, session: AsyncSession, world: World, box: SecretBox) -> None:
    decision, wrong = DECISIONS[verb], []
    tables = (await session.execute(text(TABLES))).scalar_one()
    actors = {kind: await actor_of(session, world, kind) for kind in KINDS}
    for whose, who in decision.who.items():
        for kind in KINDS:
            if not applies(kind, whose):
                continue
            said = await tried(Cell(world, kind, whose, session, actors[kind], box), decision, tables)
            if said != ("may" if kind in who and kind != GONE else "may not"):
                wrong.append(f"{kind} with what is {whose}: {said}")
    assert wrong == [], "\n".join([verb, *wrong])


async def tried(cell: Cell, decision: Decision, tables: list[int]) -> str:
    """What became of one try, which is taken back: `may`, `may not`, or what went wrong."""
    nested = await cell.session.begin_nested()
    if decision.prepare is not None:
        await decision.prepare(cell)
    before = await written(cell.session, tables)
    try:
        try:
            cell.actor = await actor_now(cell.session, cell.actor)  # as every desk does first
            await decision.call(cell)
        except (NotAllowed, NotFound) as error:
            if cell.kind == GONE and not isinstance(error, SessionOver):
                return f"was let in, and refused later: {error}"
            rows = await written(cell.session, tables) - before
            return f"may not, but wrote {rows} rows" if rows else "may not"
        except decision.ends:
            return "may"
        except Invalid as error:
            # Some things are a person's by nature, and an operator is told to act in somebody's name.
            return "may not" if cell.kind == OPERATOR and "act" in error.message else f"Invalid: {error}"
        except DataPulseError as error:
            return f"{type(error).__name__}: {error}"
        return "may"
    finally:
        await nested.rollback()
        cell.session.expunge_all()


async def written(session: AsyncSession, tables: list[int]) -> int:
    """How many rows this transaction has written by now, those of the trail among them; what is taken back counts."""
    return int((await session.execute(text(WRITTEN), {"tables": tables})).scalar_one())
