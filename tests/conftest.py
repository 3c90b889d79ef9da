"""Fixtures that every room's tests share: a real database with the real migrations, a clone for each test."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from typer import testing

from datapulse_tui import house
from datapulse_tui.data.database import Database
from tests import databases, engines
from tests.clones import Clone, Clones
from tests.databases import Server

house.join()  # as every face does before it changes anything
engines.share()
# A command line parses one command and is gone; the tests' runner would make the whole tree of commands for each.
testing._get_command = functools.cache(testing._get_command)

# Where no bytecode is kept, the processes of a run compile every test on their own, and whatever a test starts the
# whole program: half of the time that the run takes.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine is no reason to fail: neither an example that takes long nor one that is made slowly.
settings.register_profile("tests", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("tests"), max_examples=1_000)
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """With `-m soak`, properties are tried on twenty times as many examples."""
    if config.option.markexpr == "soak":
        settings.load_profile("soak")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Properties belong to a soak too."""
    if item.config.option.markexpr == "soak" and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        item.add_marker("soak")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Server:
    """The PostgreSQL that all tests of this run share, also across pytest-xdist's processes."""
    base = tmp_path_factory.getbasetemp()
    return databases.start_server((base if worker_id == "master" else base.parent) / "datapulse-home")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the run's server with its data, which lies outside the temporary folder when root runs the tests."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if hasattr(session.config, "workerinput") or factory is None:
        return  # one of pytest-xdist's processes: their controller comes last
    home = factory.getbasetemp() / "datapulse-home"
    if home.exists():
        from datapulse_tui.data.embedded import erase

        erase(home)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """Name of the migrated template database."""
    return databases.make_template(server)


@pytest.fixture(scope="session")
def clones(server: Server) -> Iterator[Clones]:
    """The databases that the tests of this process take turns with."""
    made = Clones(server)
    yield made
    made.close()


@pytest.fixture
def clone(clones: Clones, template: str, request: pytest.FixtureRequest) -> Iterator[Clone]:
    """A migrated database of this test's own.

    For a test that asks for `filled_template` (a fixture of its room) too, it holds what that one holds.
    """
    filled = "filled_template" in request.fixturenames
    taken = clones.take(request.getfixturevalue("filled_template") if filled else template)
    yield taken
    clones.give_back(taken)


@pytest.fixture
def database_name(clone: Clone) -> str:
    """The name of this test's database."""
    return clone.name


@pytest.fixture
def nobody_connected(clone: Clone) -> None:
    """For tests of what is done to a database only while nobody uses it."""
    clone.keeper.close()


@pytest.fixture
def empty_database_name(server: Server) -> Iterator[str]:
    """A database without any table, gone afterwards."""
    name = databases.create_database(server)
    yield name
    databases.drop_database(server, name)


@pytest.fixture
def database_url(server: Server, database_name: str) -> str:
    """The address of this test's database for the application's role."""
    return server.url(database_name, "datapulse_app")


@pytest.fixture
def owner_url(server: Server, database_name: str) -> str:
    """The address of this test's database for the owner's role."""
    return server.url(database_name)


@pytest.fixture
def superuser_url(server: Server, database_name: str) -> str:
    """The address of this test's database for a superuser: for tests that go around everything."""
    return server.superuser_url(database_name)


@pytest.fixture
async def data(database_url: str) -> AsyncIterator[Database]:
    """The data layer on this test's database."""
    database = Database(database_url)
    yield database
    await database.dispose()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DATAPULSE_HOME and configuration of this test's own."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("DATAPULSE_HOME", str(path))
    monkeypatch.setenv("DATAPULSE_CONFIG", str(tmp_path / "config.toml"))
    return path
