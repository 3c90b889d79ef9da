"""The server lives as long as its clients, however they end, and comes back whatever was killed."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.embedded import people
from tests.embedded.people import Client, Person, connect, gone, postmaster_pid, supervisor_pid, until

MakeClient = Callable[[Person, Path], Client]


def test_roles_and_settings(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    started = clients(person, quiet_home).do("start")
    assert started["app_url"] == f"postgresql+psycopg://datapulse_app@/datapulse?host={started['socket_dir']}"
    with connect(started["socket_dir"], "datapulse_super") as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin,"
            " pg_has_role(rolname, 'pg_monitor', 'usage') FROM pg_roles WHERE rolname LIKE 'datapulse%' ORDER BY 1"
        ).fetchall()
        assert roles == [
            ("datapulse_app", False, False, False, True, False),
            ("datapulse_monitor", False, False, False, True, True),
            ("datapulse_owner", False, True, True, True, False),
            ("datapulse_super", True, True, True, True, True),
        ]
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'datapulse'"
        ).fetchone()
        assert owner == ("datapulse_owner", "UTF8")
        wanted = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            "fsync": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "autovacuum": "on",
            "max_connections": "100",
            "TimeZone": "UTC",
            "log_timezone": "UTC",
            "track_io_timing": "on",
        }
        found = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", [list(wanted)])
        assert dict(found.fetchall()) == wanted
        assert connection.info.server_version // 10_000 == 18
    for role in ("datapulse_app", "datapulse_owner", "datapulse_monitor"):
        connect(started["socket_dir"], role).close()


def test_ends_with_the_last_client(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    first, second = clients(person, quiet_home), clients(person, quiet_home)
    folder = first.do("start")["socket_dir"]
    assert second.do("start")["socket_dir"] == folder
    pid = second.do("status")["pid"]
    if Path("/proc/locks").exists():
        assert second.do("status")["clients"] == 2
    # Neither a SIGKILL nor a program that the client has started holds the server, or lets it go too early.
    sleeper = first.do("program")["pid"]
    first.kill()
    connect(folder).close()
    sleeper_too = second.do("program")["pid"]
    second.kill()
    until(lambda: gone(pid), "end of the server after its last client")
    assert not (quiet_home / "postgres" / "data" / "postmaster.pid").exists(), "it was not shut down in order"
    for program in (sleeper, sleeper_too):
        os.kill(program, signal.SIGKILL)


def test_a_fork_is_a_client_too(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    client = clients(person, quiet_home)
    folder = client.do("start")["socket_dir"]
    pid = client.do("status")["pid"]
    child = client.do("fork")["pid"]
    client.do("release")
    client.kill()
    connect(folder).close()
    os.kill(child, signal.SIGKILL)
    until(lambda: gone(pid), "end of the server after the forked child")


@pytest.mark.parametrize("first_start", [True, False])
def test_four_at_once_make_one_server(
    person: Person, quiet_home: Path, clients: MakeClient, *, first_start: bool
) -> None:
    home = person.folder / "four" if first_start else quiet_home
    four = [clients(person, home) for _ in range(4)]
    for client in four:
        client.send("start")
    assert len({client.answer()["socket_dir"] for client in four}) == 1
    statuses = [client.do("status") for client in four]
    assert len({status["pid"] for status in statuses}) == 1
    assert all(status["running"] for status in statuses)
    with connect(statuses[0]["socket_dir"]) as connection:
        connection.execute("SELECT 1")
    four[0].do("stop")


def test_a_newcomer_during_the_shutdown_gets_a_server(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    leaving = clients(person, quiet_home)
    leaving.do("start")
    for _ in range(5):
        coming = clients(person, quiet_home)
        coming.do("status")  # it is up and waits for orders
        leaving.send("release")
        folder = coming.do("start")["socket_dir"]
        connect(folder).close()
        leaving = coming


@pytest.mark.parametrize("victims", ["server", "supervisor", "both"])
def test_what_was_killed_comes_back_with_its_data(
    person: Person, quiet_home: Path, clients: MakeClient, victims: str
) -> None:
    client = clients(person, quiet_home)
    folder = client.do("start")["socket_dir"]
    with connect(folder) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (what text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [victims])
    pids = {"server": [postmaster_pid(quiet_home)], "supervisor": [supervisor_pid(quiet_home)]}
    pids["both"] = pids["supervisor"] + pids["server"]
    people.strike(*pids[victims])
    until(lambda: not client.do("status")["running"], "the end of what was killed")
    newcomer = clients(person, quiet_home)
    assert newcomer.do("start")["socket_dir"] == folder
    client.do("ensure")
    with connect(folder) as connection:
        assert connection.execute("SELECT count(*) FROM kept WHERE what = %s", [victims]).fetchone() == (1,)


def test_files_of_a_dead_server_that_name_a_living_process(
    person: Person, quiet_home: Path, clients: MakeClient
) -> None:
    client = clients(person, quiet_home)
    data = quiet_home / "postgres" / "data"
    (data / "postmaster.pid").write_text(f"{client.process.pid}\n{data}\n1\n5432\n/nowhere\n\n 1 1\nready   \n")
    (quiet_home / "postgres" / "run" / ".s.PGSQL.5432.lock").write_text(f"{client.process.pid}\n")
    (quiet_home / "postgres" / "server").write_text(f"{client.process.pid}\n/nowhere\n")
    connect(client.do("start")["socket_dir"]).close()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="sees the state of a process in /proc only")
def test_a_busy_orphan_is_ended(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    client = clients(person, quiet_home)
    connection = connect(client.do("start")["socket_dir"])
    backend = connection.info.backend_pid

    def work() -> None:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT count(n) FROM (SELECT generate_series(1, 1000000000000) AS n) AS endless")

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: people.state_of(backend) == "R", "the query to use the processor")
    server, supervisor = postmaster_pid(quiet_home), supervisor_pid(quiet_home)
    os.kill(supervisor, signal.SIGSTOP)  # or it would see the end of the server first
    people.kill(server)
    people.kill(supervisor)
    until(lambda: not client.do("status")["running"], "the end of what was killed")
    client.do("ensure")
    until(lambda: gone(backend), "the end of the orphan")
    thread.join(people.SECONDS)
    assert not thread.is_alive()
    connection.close()


def test_stop_under_living_clients(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    desk, operator = clients(person, quiet_home), clients(person, quiet_home)
    folder = desk.do("start")["socket_dir"]
    with connect(folder) as connection:
        assert operator.do("stop")["stopped"] is True
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert operator.do("stop")["stopped"] is False
    assert not operator.do("status")["running"]
    refused = desk.ask("ensure")
    assert "datapulse db stop" in refused["error"]
    assert "datapulse db start" in refused["hint"]
    operator.do("start")
    desk.do("ensure")
    connect(folder).close()


def test_a_pinned_server_needs_no_client(person: Person, quiet_home: Path, clients: MakeClient) -> None:
    client = clients(person, quiet_home)
    client.do("start")
    client.do("pin")
    client.end()
    later = clients(person, quiet_home)
    status = later.do("status")
    assert status["running"]
    assert status["pinned"]
    folder = later.do("start")["socket_dir"]
    assert later.do("status")["pid"] == status["pid"]
    later.do("release")
    connect(folder).close()
    later.do("stop")
    assert gone(status["pid"])
    assert not later.do("status")["pinned"]


@pytest.mark.parametrize(
    "moment", ["base/1/PG_VERSION", pytest.param("global/pg_filenode.map", marks=pytest.mark.soak),
               pytest.param("postmaster.pid", marks=pytest.mark.soak)]
)  # fmt: skip
def test_killed_during_initdb(person: Person, clients: MakeClient, moment: str) -> None:
    home = person.folder / f"torn-{Path(moment).stem}"
    client = clients(person, home)
    client.send("start")
    until(lambda: (home / "postgres" / "data.partial" / moment).exists(), moment)
    supervisor = supervisor_pid(home)
    client.kill()
    people.kill(supervisor)
    assert not (home / "postgres" / "data").exists()
    second = clients(person, home)
    folder = second.do("start")["socket_dir"]
    assert not (home / "postgres" / "data.partial").exists()
    connect(folder, "datapulse_app").close()
    clients(person, home).do("erase")
    assert "was removed" in second.ask("ensure")["error"]


def test_a_starter_that_is_killed_leaves_no_server(person: Person, clients: MakeClient) -> None:
    home = person.folder / "left"
    client = clients(person, home)
    client.send("start")
    until(lambda: (home / "postgres" / "data.partial").exists(), "initdb")
    supervisor = supervisor_pid(home)
    client.kill()
    until(lambda: gone(supervisor), "the supervisor that nobody waits for")
    assert (home / "postgres" / "data").exists(), "what was begun was completed"
    second = clients(person, home)
    connect(second.do("start")["socket_dir"]).close()
    second.do("erase")


@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.soak)])
def test_kills_at_random_moments_lose_nothing(
    person: Person, quiet_home: Path, clients: MakeClient, rounds: int
) -> None:
    dice = random.Random(rounds)
    client = clients(person, quiet_home)
    with connect(client.do("start")["socket_dir"]) as connection:
        connection.execute("DROP TABLE IF EXISTS counted")
        connection.execute("CREATE TABLE counted (n integer PRIMARY KEY)")
    committed = 0
    for _ in range(rounds):
        folder = client.do("start")["socket_dir"]
        with connect(folder) as connection:
            assert connection.execute("SELECT count(*) FROM counted").fetchone() == (committed,)
            for _ in range(dice.randrange(1, 50)):
                connection.execute("INSERT INTO counted VALUES (%s)", [committed])
                committed += 1
            victims = {"client": client.process.pid}
            victims["supervisor"], victims["server"] = supervisor_pid(quiet_home), postmaster_pid(quiet_home)
            chosen = dice.sample(sorted(victims), dice.randrange(1, 4))
            for name in chosen:
                people.strike(victims[name])
                if name == "client":
                    client.process.wait()
                    client = clients(person, quiet_home)
        # Until then a start may join a server that has a few microseconds left; its connection tells it so.
        if chosen != ["client"]:
            until(lambda asked=client: not asked.do("status")["running"], "the end of what was killed")
