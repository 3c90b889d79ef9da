from __future__ import annotations

import json
import re
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from datapulse_tui.cli.main import app
from tests.databases import dsn

TEAM = """email,name,role,custom_roles
ana@example.com,Ana [/] Berger,analyst,
bob@example.com,Bob,business_user,Auditor
cy@example.com,Cy,ops_manager,
dee@example.com,Dee,admin,
eve@example.com,=Eve,business_user,
"""


@pytest.fixture
def workspace(home: Path, database_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment names this test's database, in which there are an administrator and a custom role."""
    monkeypatch.setenv("DATAPULSE_DATABASE_URL", database_url)
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:
        connection.execute("INSERT INTO roles (name, permissions) VALUES ('Auditor', '[\"audit:view\"]')")
        connection.execute("INSERT INTO departments (name) VALUES ('Operations')")
        connection.execute(
            "INSERT INTO users (email, name, password, role, status) "
            "VALUES ('root@example.com', 'Root', '!', 'admin', 'active')"
        )
    (home / "team.csv").write_text(TEAM)
    return home


def datapulse(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def test_a_team_of_five_from_a_file(workspace: Path) -> None:
    file = str(workspace / "team.csv")
    done = datapulse("user", "import", file, "--dry-run")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].startswith("+ line 3  bob@example.com  name Bob; role business_user;")
    assert done.stdout.endswith("It would be 5 new, 0 changed. Nothing was changed.\n")
    assert len(json.loads(datapulse("user", "list", "--json").stdout)) == 1
    done = datapulse("user", "import", file, "--invite")
    assert done.exit_code == 0, done.output
    assert len(re.findall(r"^\w+@example.com  code \S+, good until", done.stdout, re.M)) == 5
    assert done.stdout.endswith("5 new, 0 changed.\n")
    assert datapulse("user", "import", file).stdout == "0 new, 0 changed.\n"
    names = [one["name"] for one in json.loads(datapulse("user", "list", "status:invited role:admin", "--json").stdout)]
    assert names == ["Dee"]


def test_an_import_with_errors_tells_all_and_changes_nothing(workspace: Path) -> None:
    wrong = "email,role,custom_roles\nroot@example.com,analyst,\nana@example,king,Nobody\n"
    done = datapulse("user", "import", "-", stdin=wrong)
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "datapulse: line 2, role: no active administrator would be left; expected one who stays",
        "datapulse: line 3, name: it is empty; expected 1 to 100 characters on one line",
        "datapulse: line 3, role: 'king' is not a role; expected business_user, analyst, ops_manager, admin",
        "datapulse: line 3, custom_roles: there is no custom role 'Nobody'; expected names of custom roles that there "
        "are, with | between them",
        "datapulse: 4 things are wrong with the file. Nothing was changed.",
    ]
    found = json.loads(datapulse("user", "import", "-", "--json", stdin=wrong).stdout)
    assert (found["done"], [each["line"] for each in found["problems"]]) == (False, [2, 3, 3, 3])
    done = datapulse("user", "import", str(workspace / "none.csv"))
    assert (done.exit_code, "cannot be read" in done.stderr) == (1, True)
    done = datapulse("user", "import", "-", stdin="email,age\n")
    assert "There is no column 'age'. Nothing was changed." in done.stderr


def test_there_and_back(workspace: Path) -> None:
    datapulse("user", "import", str(workspace / "team.csv"))
    out = workspace / "out.csv"
    done = datapulse("user", "export", "-o", str(out))
    assert done.stdout.startswith("6 people in ")
    assert "'=Eve" in out.read_text()
    assert datapulse("user", "import", str(out)).stdout == "0 new, 0 changed.\n"
    shown = datapulse("user", "export", "role:analyst").stdout
    assert shown.splitlines() == [
        "email,name,role,department,status,phone,timezone,custom_roles",
        "ana@example.com,Ana [/] Berger,analyst,,pending,,UTC,",
    ]


def test_an_export_that_cannot_be_recorded_shows_nothing(workspace: Path, owner_url: str) -> None:
    with psycopg.connect(dsn(owner_url), autocommit=True) as owner:
        owner.execute("ALTER TABLE audit_logs ADD CHECK (action <> 'user.exported') NOT VALID")
    for arguments in ((), ("-o", str(workspace / "out.csv"))):
        done = datapulse("user", "export", *arguments)
        assert (done.exit_code != 0, done.stdout) == (True, "")
    assert not (workspace / "out.csv").exists()


def test_what_others_see_of_a_person_is_changed(workspace: Path) -> None:
    datapulse("user", "import", str(workspace / "team.csv"))
    done = datapulse("user", "update", "ana@example.com", "--picture", "ana.png", "--about", "Sales [/]\nin Graz")
    assert done.stdout == "Ana [/] Berger <ana@example.com>: changed.\n"
    shown = datapulse("user", "show", "ana@example.com").stdout
    for words in ("avatar         ana.png", "Sales [/]", "user.profile_changed"):
        assert words in shown
    again = datapulse("user", "update", "ana@example.com", "--picture", "ana.png")
    assert again.stdout.endswith("it is so already, nothing was changed.\n")
    done = datapulse("user", "update", "ana@example.com", "--about", "x" * 2_001)
    assert (done.exit_code, "at most 2,000" in done.stderr) == (1, True)
    assert datapulse("user", "update", "ana@example.com", "--picture", "", "--about", "").exit_code == 0
    found = json.loads(datapulse("user", "show", "ana@example.com", "--json").stdout)
    assert (found["avatar"], found["bio"]) == ("", "")


def test_many_leave_and_one_gets_what_they_have(workspace: Path, owner_url: str) -> None:
    datapulse("user", "import", str(workspace / "team.csv"))
    with psycopg.connect(dsn(owner_url), autocommit=True) as owner:
        owner.execute("UPDATE users SET status = 'active'")
        owner.execute("INSERT INTO dashboards (name, user_id) SELECT 'Of ' || name, id FROM users WHERE name = 'Cy'")
    leave = ["user", "deactivate", "cy@example.com", "bob@example.com", "--hand-over-to"]
    done = datapulse(*leave, "ana@example.com", "--dry-run")
    assert (done.exit_code, done.stdout.splitlines()) == (0, [
        "This would become of each. Nothing was changed.",
        "Cy: hands over dashboards 1 to Ana [/] Berger, and is deactivated now",
        "Bob: is deactivated now, had nothing",
    ])  # fmt: skip
    assert len(json.loads(datapulse("user", "list", "status:active", "--json").stdout)) == 6
    refused = datapulse(*leave, "nobody@example.com")
    assert (refused.exit_code, refused.stdout, "no such person" in refused.stderr) == (1, "", True)
    done = datapulse(*leave[:-1], "ana@example.com", "none@example.com", "--hand-over-to", "ana@example.com", "--json")
    assert done.exit_code == 3
    assert [(one["person"], one["done"], one["message"]) for one in json.loads(done.stdout)] == [
        ("cy@example.com", True, "hands over dashboards 1 to Ana [/] Berger, and is deactivated now"),
        ("bob@example.com", True, "is deactivated now, had nothing"),
        ("ana@example.com", False, "cannot go and get what the others hand over"),
        ("none@example.com", False, "there is no such person"),
    ]
    assert [one["email"] for one in json.loads(datapulse("user", "list", "status:inactive", "--json").stdout)] == [
        "bob@example.com", "cy@example.com",
    ]  # fmt: skip
    again = datapulse(*leave, "ana@example.com")
    assert (again.exit_code, again.stdout.count("not done, is deactivated already")) == (1, 2)


def test_one_person_is_shown_and_changed(workspace: Path) -> None:
    datapulse("user", "import", str(workspace / "team.csv"))
    done = datapulse(
        "user", "update", "bob@example.com", "--name", "Bob \x1b[31m", "--department", "Operations", "--phone", "12345"
    )
    assert (done.exit_code, "control" in done.stderr or "one line" in done.stderr) == (1, True)
    done = datapulse("user", "update", "bob@example.com", "--email", "Bobby@Example.com", "--department", "Operations")
    assert done.stdout == "Bob <bobby@example.com>: changed.\n"
    assert datapulse("user", "update", "bobby@example.com", "--role", "business_user").stdout.endswith(
        "it is so already, nothing was changed.\n"
    )
    shown = datapulse("user", "show", "bobby@example.com")
    assert shown.exit_code == 0, shown.output
    for words in ("Bob <bobby@example.com>", "custom roles   Auditor", "department     Operations", "user.updated"):
        assert words in shown.stdout
    found = json.loads(datapulse("user", "show", "bobby@example.com", "--json").stdout)
    assert found["row"]["custom_roles"] == ["Auditor"]
    assert datapulse("user", "update", "bobby@example.com", "--department", "none").exit_code == 0
    for arguments, said in (
        (["user", "update", "bobby@example.com"], "nothing to change"),
        (["user", "update", "bobby@example.com", "--department", "Nowhere"], "Nowhere"),
        (["user", "update", "root@example.com", "--role", "analyst"], "last active administrator"),
        (["user", "show", "nobody@example.com"], "no such person"),
        (["user", "list", "role:king"], "'king' is nothing for the field role"),
        (["user", "list", "--order", "age"], "no order 'age'"),
        (["--as", "root@example.com", "user", "update", "ana@example.com", "--email", "root@example.com"], "already"),
    ):
        done = datapulse(*arguments)
        assert (done.exit_code, said in done.stderr, done.stdout) == (1, True, ""), (arguments, done.output)
