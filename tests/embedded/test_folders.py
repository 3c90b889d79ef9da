"""Where the server keeps its things: odd and long paths, other people's folders, and root."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from datapulse_tui.data import embedded
from datapulse_tui.data.embedded import account, layout
from datapulse_tui.errors import Unavailable
from tests.embedded import people
from tests.embedded.people import Client, Person, connect, postmaster_pid

MakeClient = Callable[[Person, Path], Client]
root_only = pytest.mark.skipif(not people.ROOT, reason="only root can be two users and start a server as root")


def rights(path: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of every folder above `path`."""
    return {folder: (found.st_mode, found.st_uid, found.st_gid) for folder in path.parents if (found := folder.stat())}


def owned(folder: Path, person: Person) -> Path:
    """A new folder of this user's."""
    folder.mkdir()
    os.chown(folder, person.uid, person.gid)
    return folder


def app_user(url: str) -> object:
    """Who one is at this address, asked through SQLAlchemy."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT current_user")).scalar()
    engine.dispose()
    return found


def test_an_odd_path_and_nothing_outside_is_changed(person: Person, clients: MakeClient) -> None:
    above = owned(person.folder / 'it\'s a "quoted" \\ ünï: 100%', person)
    above.chmod(0o750)
    home = above / "my home"
    before = rights(home)
    client = clients(person, home)
    started = client.do("start")
    assert started["socket_dir"] == str(home / "postgres" / "run")
    assert app_user(started["app_url"]) == "datapulse_app"
    assert rights(home) == before
    assert list(above.iterdir()) == [home]
    for folder in (home, home / "log", home / "postgres", home / "postgres" / "data", home / "postgres" / "run"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    open_files = [path for path in home.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert open_files == []
    home.chmod(0o755)
    client.do("stop")
    client.do("start")
    assert stat.S_IMODE(home.stat().st_mode) == 0o755, "a home that is there keeps the rights that it was given"
    client.do("erase")
    assert [path.name for path in home.iterdir()] == ["log"]


@pytest.mark.parametrize("name", ["long " * 40, "a,b"])
def test_a_path_that_no_socket_can_have(person: Person, quiet_home: Path, clients: MakeClient, name: str) -> None:
    above = owned(person.folder / name.strip(), person)
    home = quiet_home.rename(above / "home")  # data can be moved while no server runs
    try:
        before = rights(home)
        client = clients(person, home)
        started = client.do("start")
        folder = Path(started["socket_dir"])
        found = folder.lstat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, person.uid)
        assert len(os.fsencode(folder)) < 60
        assert app_user(started["app_url"]) == "datapulse_app"
        client.do("stop")
        assert not folder.exists(), "a short folder goes with its server"
        client.do("start")
        assert client.do("status")["socket_dir"] == str(folder), "addresses stay the same"
        assert rights(home) == before
        client.do("stop")
    finally:
        home.rename(quiet_home)


def test_a_short_folder_that_is_not_ours_is_not_used(tmp_path: Path) -> None:
    place = layout.Place(tmp_path, tmp_path / ("x" * 120))
    place.base.mkdir()
    me = (os.geteuid(), os.getegid())
    first = layout.socket_folder(place, me)
    try:
        assert layout.socket_folder(place, me) == first
        first.chmod(0o755)
        second = layout.socket_folder(place, me)
        assert second != first
        second.rmdir()
        second.symlink_to(tmp_path)
        third = layout.socket_folder(place, me)
        assert third not in (first, second)
        second.unlink()
        third.rmdir()
    finally:
        first.rmdir()


@root_only
def test_two_users_at_once(users: tuple[Person, ...], quiet_home: Path, clients: MakeClient) -> None:
    pair = [clients(users[0], quiet_home), clients(users[1], users[1].folder / "own")]
    for client in pair:
        client.send("start")
    folders = [client.answer()["socket_dir"] for client in pair]
    for user, client, folder in zip(users, pair, folders, strict=True):
        assert Path(folder).stat().st_uid == user.uid
        assert Path(f"/proc/{postmaster_pid(client.home)}").stat().st_uid == user.uid
        connect(folder).close()
    intruder = clients(users[1], quiet_home)
    assert "Permission denied" in intruder.ask("start")["error"]
    pair[1].do("erase")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can pass through."""
    with people.scratch() as folder:
        yield folder


@root_only
def test_root_runs_it_as_a_system_user(open_folder: Path) -> None:
    home = open_folder / "home"
    before = rights(home)
    server = embedded.start(home)
    try:
        with psycopg.connect(host=str(server.socket_dir), user="datapulse_app", dbname="datapulse") as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("datapulse_app",)
        pid = postmaster_pid(home)
        assert Path(f"/proc/{pid}").stat().st_uid == pwd.getpwnam(account.NAME).pw_uid != 0
        assert Path(f"/proc/{pid}/exe").resolve().is_relative_to(account.STATE / "bin")
        assert not (home / "postgres").is_symlink(), "the data stays in a home that the user can reach"
        assert rights(home) == before
        for folder in (server.socket_dir, home / "postgres" / "data"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        server.release()
        embedded.erase(home)


@root_only
def test_root_with_a_home_that_is_closed_to_others(tmp_path: Path, users: tuple[Person, ...]) -> None:
    home = tmp_path / "home"
    home.mkdir(0o700)
    before = rights(home / "x")
    server = embedded.start(home)
    pointer = home / "postgres"
    kept = pointer.resolve()
    try:
        assert kept.is_relative_to(account.STATE / "homes")
        assert (kept / "home").read_text() == f"{home}\n"
        assert embedded.status(home).data_dir == kept / "data"
        assert server.socket_dir == kept / "run"
        connect(server.socket_dir, "datapulse_app").close()
        assert rights(home / "x") == before
        assert (home / "log" / "postgres.log").stat().st_uid == 0
    finally:
        server.release()
        embedded.erase(home)
    assert not kept.exists()
    assert not pointer.is_symlink()


@root_only
def test_root_in_many_processes_makes_one_place_for_a_closed_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(0o700)
    code = (
        "import sys; from pathlib import Path; from datapulse_tui.data.embedded import layout\n"
        "print(layout.make(Path(sys.argv[1])).base)"
    )
    account.ensure()
    found = set()
    for _ in range(5):
        makers = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(6)
        ]
        for maker in makers:
            told, error = maker.communicate(timeout=60)
            assert maker.returncode == 0, error
            found.add(told.strip())
        (home / "postgres").unlink()
    assert len(found) == 1
    embedded.start(home).release()
    embedded.erase(home)


def test_data_that_is_gone_is_not_replaced_by_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "postgres").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="that folder is gone"):
        embedded.start(tmp_path)


def test_a_link_that_is_made_while_it_is_looked_for_is_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes start for the first time: what one did not find, the other links in the next moment."""
    looked = Path.is_symlink

    def linked_meanwhile(path: Path) -> bool:
        if path == tmp_path / "postgres" and not looked(path):
            (tmp_path / "data").mkdir()
            path.symlink_to(tmp_path / "data")
        return looked(path)

    monkeypatch.setattr(Path, "is_symlink", linked_meanwhile)
    found = layout.find(tmp_path)
    assert found is not None
    assert found.base == tmp_path / "data"


@root_only
def test_root_leaves_the_home_of_another_user_alone(users: tuple[Person, ...]) -> None:
    home = users[0].folder / "theirs"
    home.mkdir()
    os.chown(home, users[0].uid, users[0].gid)
    with pytest.raises(Unavailable, match=f"belongs to {users[0].name}"):
        embedded.start(home)
    assert list(home.iterdir()) == []


def test_the_launcher_needs_the_standard_library_only(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    client = clients(person, quiet_home)
    client.do("start")
    loaded = set(client.do("modules")["modules"])
    assert loaded - set(sys.stdlib_module_names) == {"datapulse_tui"}
