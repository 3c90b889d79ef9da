"""Who runs the clients: the user of the test run, or, when that is root, throwaway system users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.embedded import people
from tests.embedded.people import Client, Person


@pytest.fixture(scope="session")
def users() -> Iterator[tuple[Person, ...]]:
    """Two Unix users when root runs the tests, else the one that there is."""
    with ExitStack() as stack:
        folder = stack.enter_context(people.scratch())
        if not people.ROOT:
            yield (people.myself(folder),)
            return
        try:
            public = stack.enter_context(people.public_copy())
            found = tuple(stack.enter_context(people.throwaway(*public, folder)) for _ in range(2))
        except LookupError as reason:
            pytest.skip(f"started by root, and no other user can take part: {reason}")
        yield found


@pytest.fixture
def person(users: tuple[Person, ...]) -> Person:
    return users[0]


@pytest.fixture
def clients() -> Iterator[Callable[[Person, Path], Client]]:
    """Makes clients that do not outlive the test."""
    made: list[Client] = []

    def make(person: Person, home: Path) -> Client:
        made.append(person.client(home))
        return made[-1]

    yield make
    for client in made:
        client.kill()


@pytest.fixture(scope="session")
def made_home(users: tuple[Person, ...]) -> Path:
    """A home with data in it, for tests that need no first start."""
    home = users[0].folder / "made"
    client = users[0].client(home)
    client.do("start")
    client.do("stop")
    client.end()
    return home


@pytest.fixture
def quiet_home(made_home: Path, users: tuple[Person, ...]) -> Iterator[Path]:
    """That home with no server running, before and after."""
    yield made_home
    client = users[0].client(made_home)
    client.do("stop")
    client.end()
