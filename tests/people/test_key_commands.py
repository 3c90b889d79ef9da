"""API keys, SSH keys and the secret key from the command line: in real processes where it is about what leaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from datapulse_tui.config_files import API_KEY, API_KEY_FILE, CREDENTIALS, inherited
from tests import processes
from tests.databases import dsn
from tests.people import ssh_samples as samples

ANA = "ana@example.com"


@pytest.fixture
def workspace(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment names this test's database, in which Root is an admin and Ana an analyst."""
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    for name in (API_KEY, API_KEY_FILE, "DATAPULSE_AS", "DATAPULSE_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    for nick, role in (("root", "admin"), ("ana", "analyst")):
        done = datapulse("user", "add", f"{nick}@example.com", "--name", nick.title(), "--role", role, "--activate")
        assert done.exit_code == 0, done.output
    return database_url


def datapulse(*arguments: str, stdin: str = "", **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin, env=environment)


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    return processes.run("datapulse_tui", *arguments, environment=os.environ | environment)


def make_key(*scopes: str, name: str = "nightly", who: str = ANA) -> str:
    options = [part for scope in scopes or ("dashboard:view", "alert:view") for part in ("--scope", scope)]
    done = datapulse("--as", who, "api-key", "create", name, *options, "--days", "7")
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_a_key_is_alone_on_stdout_and_signs_in(workspace: str, owner_url: str) -> None:
    done = process(
        "--as", ANA, "api-key", "create", "nightly", "--scope", "dashboard:view", "--scope", "alert:view", "--days", "7"
    )
    key = done.stdout.removesuffix("\n")
    assert len(key) == 46
    assert key not in done.stderr
    assert "shown only now" in done.stderr
    listed = process("dashboard", "list", "--json", DATAPULSE_API_KEY=key)
    assert (listed.returncode, json.loads(listed.stdout)) == (0, [])
    # its scopes and no more, also where the operator could
    for arguments in (["user", "list"], ["api-key", "list"], ["secrets", "rotate"]):
        refused = process(*arguments, DATAPULSE_API_KEY=key)
        assert (refused.returncode, refused.stdout) == (1, ""), arguments
        assert key[12:] not in refused.stderr
    rows = json.loads(datapulse("--as", ANA, "api-key", "list", "--json").stdout)
    assert [(row["name"], row["prefix"], row["state"]) for row in rows] == [("nightly", key[:12], "live")]
    assert rows[0]["last_used"] is not None
    with psycopg.connect(dsn(owner_url)) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            found = connection.execute(
                f'SELECT count(*) FROM "{table}" t WHERE CAST(t AS text) LIKE %s', [f"%{key[12:]}%"]
            )
            assert found.fetchone() == (0,), table


def test_the_environment_of_a_script_decides_and_never_falls_back(workspace: str, tmp_path: Path) -> None:
    key = make_key()
    file = tmp_path / "key"
    file.write_text(f"{key}\nmore\n")
    file.chmod(0o600)
    assert datapulse("dashboard", "list", DATAPULSE_API_KEY_FILE=str(file)).exit_code == 0
    (tmp_path / "open").write_text(key)
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "empty").touch(0o600)
    ended = make_key(name="ended")
    assert datapulse("api-key", "revoke", ended[:12]).exit_code == 0
    cases: list[tuple[dict[str, str], list[str], str]] = [
        ({API_KEY: "dp_" + "x" * 43}, [], "not valid"),
        ({API_KEY: "hunter2"}, [], "not valid"),
        ({API_KEY: ""}, [], "there is no key in it"),
        ({API_KEY: "  "}, [], "there is no key in it"),
        ({API_KEY: ended}, [], "was revoked"),
        ({API_KEY: key}, ["--as", ANA], "so does --as"),
        ({API_KEY: key, "DATAPULSE_AS": ANA}, [], "so does --as"),
        ({API_KEY: key, API_KEY_FILE: str(file)}, [], "are both set"),
        ({API_KEY_FILE: str(tmp_path / "gone")}, [], "cannot be read"),
        ({API_KEY_FILE: str(tmp_path / "open")}, [], "chmod 600"),
        ({API_KEY_FILE: str(tmp_path / "empty")}, [], "there is no key in it"),
    ]
    for environment, options, said in cases:
        done = datapulse(*options, "dashboard", "list", **environment)
        assert (done.exit_code, done.stdout) == (1, ""), (environment, done.output)
        assert said in done.stderr
        for secret in (key, ended, "hunter2"):
            assert secret not in done.stderr
    # the desk lets nobody in beside it either
    done = datapulse("--as", ANA, DATAPULSE_API_KEY=key)
    assert (done.exit_code, "so does --as" in done.stderr) == (1, True)


def test_an_expired_key_says_so(workspace: str, owner_url: str) -> None:
    key = make_key()
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("UPDATE api_keys SET created_at = now() - interval '9 days', expires_at = now()")
    done = process("dashboard", "list", DATAPULSE_API_KEY=key)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{key[:12]}… expired at" in done.stderr
    with psycopg.connect(dsn(owner_url)) as connection:
        connection.execute("UPDATE users SET status = 'inactive' WHERE email = %s", [ANA])
        connection.execute("UPDATE api_keys SET expires_at = now() + interval '1 day'")
    assert "not active" in process("dashboard", "list", DATAPULSE_API_KEY=key).stderr


LASTING = """
import asyncio, sys
from datapulse_tui.cli import context
from datapulse_tui.people.service import set_preference
async def body(desk):
    print("in", flush=True)
    sys.stdin.readline()
    async with desk.data.transaction() as session:
        await set_preference(session, desk.actor, "k", "v")
context.run(body)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_while_a_command_lasts(workspace: str) -> None:
    """The key is on no command line; who is signed in with a revoked one changes nothing more."""
    key = make_key()
    running = subprocess.Popen(
        [sys.executable, "-c", LASTING], env=os.environ | {API_KEY: key}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "in\n"
    shown = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=False).stdout
    assert key not in shown
    assert datapulse("--as", ANA, "api-key", "revoke", "nightly").exit_code == 0
    out, errors = running.communicate("go\n", timeout=30)
    assert "revoked or has expired meanwhile" in errors, (out, errors)


def test_no_child_inherits_a_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datapulse_tui.config import load_settings
    from datapulse_tui.data import worker_child
    from datapulse_tui.data.worker_child import WorkerKeeper, child_environment

    assert inherited(dict.fromkeys(CREDENTIALS, "x") | {"PATH": "p"}) == {"PATH": "p"}
    monkeypatch.setenv(API_KEY, "dp_secret")
    monkeypatch.setenv(API_KEY_FILE, "/k")
    assert {API_KEY, API_KEY_FILE}.isdisjoint(worker_child._environment() | child_environment(load_settings()))
    told = home / "told"
    command = [sys.executable, "-c", f"import os; open({str(told)!r}, 'w').write(repr(dict(os.environ)))"]
    keeper = WorkerKeeper(home, command=command)
    child = keeper._spawn()
    assert child.wait(20) == 0
    assert "DATAPULSE_HOME" in told.read_text()
    assert API_KEY not in told.read_text()


def test_settings_and_errors_do_not_show_it(workspace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from datapulse_tui.config import load_settings
    from datapulse_tui.people.operator import given_key

    key = make_key()
    monkeypatch.setenv(API_KEY, key)
    assert key not in repr(load_settings())
    assert key not in repr(given_key(os.environ))
    for arguments in (["db", "check"], ["db", "url"], ["worker", "status"], ["nonsense"], ["--help"]):
        done = process(*arguments)
        assert key[12:] not in done.stdout + done.stderr, arguments


def test_rotating_and_listing_keys(workspace: str) -> None:
    key = make_key()
    assert datapulse("--as", ANA, "api-key", "create", "x").exit_code == 1
    for scope, said in (
        ("source:manage", "do not have it"),
        ("apikey:create", "decided by people"),
        ("x", "not a perm"),
    ):
        done = datapulse("--as", ANA, "api-key", "create", "x", "--scope", scope)
        assert (done.exit_code, done.stdout, said in done.stderr) == (1, "", True)
    offered = json.loads(datapulse("--as", ANA, "api-key", "scopes", "--json").stdout)
    assert {"scope": "source:query", "lets": "run and save SQL on the sources that are granted to them"} in offered
    assert all(not each["scope"].startswith("apikey:") for each in offered)
    done = datapulse("--as", ANA, "api-key", "rotate", "nightly", "--overlap-hours", "0")
    new = done.stdout.strip()
    assert f"The old one, {key[:12]}…, ends at once." in done.stderr
    assert datapulse("dashboard", "list", DATAPULSE_API_KEY=new).exit_code == 0
    assert "was revoked" in datapulse("dashboard", "list", DATAPULSE_API_KEY=key).stderr
    assert datapulse("api-key", "create", "x", "--scope", "alert:view").exit_code == 1  # an operator has none
    assert "Act for somebody" in datapulse("api-key", "create", "x", "--scope", "alert:view").stderr
    table = datapulse("api-key", "list", "--state", "live").stdout.splitlines()
    assert len(table) == 3
    assert new[:12] in table[2]
    done = datapulse("api-key", "revoke", new[:12], "nightly", "--json")
    assert [each["done"] for each in json.loads(done.stdout)] == [True, True]  # one key under two names
    assert datapulse("api-key", "revoke", "dp_nobody").exit_code == 1


def test_ssh_keys(workspace: str, tmp_path: Path) -> None:
    public, private = tmp_path / "id.pub", tmp_path / "id"
    public.write_text(samples.ed25519_key() + " ana@laptop\n")
    private.write_text(samples.private_key())
    done = datapulse("--as", ANA, "ssh-key", "add", str(public))
    assert "waits to be admitted" in done.stdout
    fingerprint = done.stdout.split("(")[1].split(")")[0]
    done = datapulse("--as", ANA, "ssh-key", "add", str(private))
    assert (done.exit_code, "PRIVATE key" in done.stderr) == (1, True)
    assert private.read_text().splitlines()[2] not in done.output
    assert datapulse("--as", ANA, "ssh-key", "admit", fingerprint).exit_code == 1
    assert datapulse("ssh-key", "admit", fingerprint).stdout == "ana@laptop of Ana: admitted\n"
    done = datapulse("ssh-key", "add", "-", "--for", "root@example.com", stdin=f"no-pty {samples.ed25519_key()}")
    assert "is admitted" in done.stdout
    assert "are not kept" in done.stderr
    rows = json.loads(datapulse("ssh-key", "list", "--json").stdout)
    assert {(row["email"], row["status"]) for row in rows} == {(ANA, "admitted"), ("root@example.com", "admitted")}
    done = datapulse("--as", ANA, "ssh-key", "revoke", "ana@laptop", "--json")
    assert json.loads(done.stdout)[0]["message"] == "revoked"
    assert datapulse("ssh-key", "add", str(tmp_path / "gone")).exit_code == 1


def test_the_secret_key_is_rotated(workspace: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datapulse_tui.people import secret_rotation

    monkeypatch.setattr(secret_rotation, "SETTLED", 0.0)
    assert "No key yet" in datapulse("secrets", "status").stdout
    key = make_key()
    done = datapulse("secrets", "rotate")
    assert "There is a new secret key." in done.stdout
    assert "An earlier key is still needed." in done.stdout
    assert datapulse("secrets", "rotate", "--drop-old").exit_code == 1
    assert datapulse("dashboard", "list", DATAPULSE_API_KEY=key).exit_code == 0
    done = datapulse("secrets", "rotate", "--drop-old")
    assert "1 earlier keys were dropped." in done.stdout
    assert datapulse("dashboard", "list", DATAPULSE_API_KEY=key).exit_code == 0
    found = json.loads(datapulse("secrets", "status", "--json").stdout)
    assert (found["keys"], found["api_keys"], found["api_keys_earlier"]) == (1, 1, 0)
    [secret] = (home / "secret.key").read_text().split()
    assert secret not in done.output
    done = datapulse("secrets", "rotate", DATAPULSE_SECRET_KEY=secret)
    Fernet(done.stdout.strip())
    assert "in FRONT" in done.stderr
    assert secret not in done.output
    assert datapulse("--as", ANA, "secrets", "status").exit_code == 1
