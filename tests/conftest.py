"""Fixtures that every room's tests share: a real database with the real migrations, a clone for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from datapulse_tui import house
from datapulse_tui.data.database import Database
from tests import databases
from tests.databases import Server

house.join()  # as every face does before it changes anything


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


@pytest.fixture
def database_name(server: Server, template: str) -> Iterator[str]:
    """A migrated database of this test's own, gone afterwards."""
    name = databases.create_database(server, template)
    yield name
    databases.drop_database(server, name)


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
    from sqlalchemy import make_url

    return make_url(server.superuser).set(database=database_name).render_as_string(hide_password=False)


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
