from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import Invalid
from datapulse_tui.people import import_file, rules
from datapulse_tui.people.csv_cells import COLUMNS, join_names, line_of, neutral, original, split_names
from datapulse_tui.people.exporting import cells
from datapulse_tui.people.import_file import Problem
from datapulse_tui.people.import_plan import Account, CustomRole, Plan, World, make_plan
from datapulse_tui.people.views import PersonRow

OPERATOR = Actor(None, "operator", everything=True)
AUDITOR = CustomRole(UUID(int=1), "Auditor", frozenset({"audit:view"}))
NIGHT = CustomRole(UUID(int=2), "On | call", frozenset())
OPERATIONS, SALES = UUID(int=11), UUID(int=12)


def account(nick: str, **fields: object) -> Account:
    made = Account(
        uuid4(), f"{nick}@example.com", nick.title(), "business_user", "active", None, None, "UTC", frozenset()
    )
    return replace(made, **fields)  # type: ignore[arg-type]


ROOT = account("root", role="admin")
ANA = account("ana", department_id=OPERATIONS, phone="+43 1 23", custom=frozenset({AUDITOR.id}))
BOB = account("bob", role="analyst", status="inactive")


def world(*accounts: Account, admins: int = 1, inviting: bool = False) -> World:
    there = accounts or (ROOT, ANA, BOB)
    return World(
        {each.email: each for each in there},
        {"Operations": OPERATIONS, "Sales": SALES},
        {each.name: each for each in (AUDITOR, NIGHT)},
        admins,
        frozenset({"UTC", "Europe/Vienna"}),
        inviting,
    )


def planned(text: str, there: World | None = None, actor: Actor = OPERATOR) -> Plan:
    return make_plan(import_file.read(text.encode()), there or world(), actor)


def problems(text: str, there: World | None = None, actor: Actor = OPERATOR) -> list[tuple[int, str]]:
    return [(each.line, each.column) for each in planned(text, there, actor).problems]


# -- the file ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"email,name\r\nana@example.com,Ana X\r\n",
        b"\xef\xbb\xbfEmail;Name\n\nana@example.com;Ana X\n",
        b'name,email\n"Ana X",ana@example.com',
        b" NAME , EMAIL \nAna X,ANA@example.com\n,\n",
    ],
)
def test_the_ways_to_write_one_file(content: bytes) -> None:
    plan = make_plan(import_file.read(content), world(), OPERATOR)
    assert plan.problems == ()
    [ana] = plan.changed
    assert ana.fields == {"name": "Ana X"}
    assert plan.words(ana) == ["name: Ana → Ana X"]


REFUSED: Sequence[tuple[bytes, str]] = [
    (b"", "empty"),
    (b"\n\n", "empty"),
    (b"name\nAna\n", "no column email"),
    (b"email,shoe size\n", "no column 'shoe size'"),
    (b"email,EMAIL\n", "twice"),
    (b"email,name\na@b.c,\xff\n", "Line 2 of the file is not UTF-8"),
    (b"x" * (import_file.LARGEST_FILE + 1), "bytes"),
    (b"email\n" + b"a@b.c\n" * (import_file.MOST_ROWS + 1), "more than 20,000"),
]


@pytest.mark.parametrize(("content", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_file_of_people_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        import_file.read(content)


def test_lines_that_cannot_be_read_are_told_with_their_number() -> None:
    text = 'email,name\nana@example.com,"two\nlines"\nbob@example.com\nroot@example.com,Root,x\neve@example.com,"Eve\n'
    plan = planned(text)
    assert [(each.line, each.column) for each in plan.problems] == [(2, "name"), (4, ""), (5, ""), (6, "")]
    assert str(plan.problems[1]) == "line 4: the line has 1 cells; expected 2, as in the header"


# -- what is wrong with a line -----------------------------------------------------------------------------------------

WRONG: Sequence[tuple[str, str, str]] = [
    ("email\nrubbish", "email", "an address like ana@example.com"),
    ("email,name\nnew@example.com,", "name", "1 to 100 characters on one line"),
    ("email,name\nana@example.com,a\x1bb", "name", "1 to 100 characters on one line"),
    ("email,role\nana@example.com,king", "role", "business_user, analyst, ops_manager, admin"),
    ("email,department\nana@example.com,Nowhere", "department", "the name of a department"),
    ("email,status\nana@example.com,asleep", "status", "active, inactive, pending"),
    ("email,status\nana@example.com,pending", "status", "active, inactive"),
    ("email,name,status\nnew@example.com,New,active", "status", "pending, or nothing"),
    ("email,phone\nana@example.com,call me", "phone", "a number like"),
    ("email,timezone\nana@example.com,Mars", "timezone", "one like Europe/Vienna"),
    ("email,custom_roles\nana@example.com,Auditor|King", "custom_roles", "names of custom roles"),
    ("email,role\nroot@example.com,analyst", "role", "one who stays"),
    ("email,status\nroot@example.com,inactive", "status", "one who stays"),
]


@pytest.mark.parametrize(("text", "column", "expected"), WRONG)
def test_each_wrong_cell_says_what_was_expected(text: str, column: str, expected: str) -> None:
    [problem] = planned(text).problems
    assert (problem.line, problem.column) == (2, column)
    assert expected in problem.expected


def test_an_address_stands_once() -> None:
    plan = planned("email,phone\nana@example.com,\nbob@example.com,\nANA@example.com,12345\n")
    [problem] = plan.problems
    assert str(problem) == "line 4, email: ana@example.com stands in line 2 already; expected each address once"


def test_every_wrong_cell_of_every_line_is_told() -> None:
    text = "email,role,phone\nana@example.com,king,x\nrubbish,king,x\nbob@example.com,analyst,y\n"
    assert problems(text) == [(2, "role"), (2, "phone"), (3, "email"), (4, "phone")]


# -- what is changed ---------------------------------------------------------------------------------------------------


def test_only_columns_that_are_given_change_somebody() -> None:
    plan = planned("email,department\nana@example.com,sales\nbob@example.com,\n")
    assert [each.fields for each in plan.people] == [{"department_id": SALES}, {}]
    assert plan.words(plan.people[0]) == ["department: Operations → Sales"]


def test_an_empty_cell_takes_away_what_can_be_without() -> None:
    text = "email,name,role,department,status,phone,timezone,custom_roles\nana@example.com,,,,,,,\n"
    [ana] = planned(text).people
    assert (ana.fields, ana.give, ana.take) == ({"department_id": None, "phone": None}, (), (AUDITOR.id,))


def test_somebody_new_waits_and_has_what_is_usual() -> None:
    text = "email,name,custom_roles\nNew@Example.com,New One,auditor | On \\| call\n"
    plan = planned(text)
    [new] = plan.new
    assert new.fields == {
        "email": "new@example.com", "name": "New One", "role": "business_user", "department_id": None,
        "status": "pending", "phone": None, "timezone": "UTC",
    }  # fmt: skip
    assert new.give == (AUDITOR.id, NIGHT.id)
    assert "gets the role Auditor" in plan.words(new)


def test_the_last_administrator_may_go_when_another_comes() -> None:
    second = account("second")
    there = world(ROOT, second)
    text = "email,role\nroot@example.com,analyst\nsecond@example.com,admin\n"
    assert planned(text, there).problems == ()
    waits = world(ROOT, replace(second, status="pending"))
    assert problems(text, waits) == [(2, "role")]
    assert planned("email,status\nroot@example.com,inactive\n", world(admins=2)).problems == ()


# -- rights ------------------------------------------------------------------------------------------------------------

CLERK = Actor(
    uuid4(), "Clerk", frozenset({"user:view", "user:create", "user:update", "user:set_role", "role:assign"})
    | rules.ROLE_PERMISSIONS[rules.Role.ANALYST],
)  # fmt: skip
ESCALATIONS: Sequence[tuple[str, str]] = [
    ("email,name,role\nnew@example.com,New,admin", "role"),
    ("email,role\nplain@example.com,ops_manager", "role"),
    ("email,name,custom_roles\nnew@example.com,New,Auditor", "custom_roles"),
    ("email,custom_roles\nplain@example.com,Auditor", "custom_roles"),
    ("email,phone\nroot@example.com,12345", "email"),
    ("email,name\nana@example.com,Mallory", "email"),
    ("email,custom_roles\nana@example.com,", "email"),
    ("email,status\nbob@example.com,active", "status"),
    ("email,status\nplain@example.com,inactive", "status"),
]


@pytest.mark.parametrize(("text", "column"), ESCALATIONS)
def test_nobody_gives_more_than_they_have(text: str, column: str) -> None:
    there = world(ROOT, ANA, BOB, account("plain"), admins=2)
    assert problems(text, there, CLERK) == [(2, column)]
    assert problems(text, there) == []


NEEDED: Sequence[tuple[str, str]] = [
    ("email,name\nnew@example.com,New", "user:create"),
    ("email,name\nplain@example.com,Other", "user:update"),
    ("email,role\nplain@example.com,analyst", "user:set_role"),
    ("email,status\nplain@example.com,inactive", "user:deactivate"),
    ("email,custom_roles\nplain@example.com,On \\| call", "role:assign"),
]


@pytest.mark.parametrize(("text", "permission"), NEEDED)
def test_each_change_needs_its_permission(text: str, permission: str) -> None:
    every = frozenset(rules.PERMISSIONS)
    there = world(ROOT, account("plain"))
    assert planned(text, there, Actor(uuid4(), "Zoe", every)).problems == ()
    lacking = planned(text, there, Actor(uuid4(), "Zoe", every - {permission}))
    assert [each.expected for each in lacking.problems if each.expected.startswith("the perm")] == [
        f"the permission {permission}"
    ]
    inviting = replace(there, inviting=True)
    wanted = [("user:activate" in each.expected) for each in planned(text, inviting, CLERK).problems]
    assert any(wanted) == text.startswith("email,name\nnew@")


# -- there and back again ----------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20)
FORMULAS = st.sampled_from(
    ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=x", "''+x", "'x", '=HYPERLINK("x")', "a;b,c|d\\"]
)


@given(TEXT | FORMULAS)
def test_a_cell_is_read_as_it_was_written(text: str) -> None:
    assert original(neutral(text)) == text
    assert not neutral(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    [row] = list(csv.reader(io.StringIO(line_of(["x", text]), newline="")))
    assert original(row[1]) == text


NAMES = (TEXT | FORMULAS).map(str.strip).filter(bool)


@given(st.lists(NAMES, max_size=5))
def test_names_in_one_cell(names: list[str]) -> None:
    assert split_names(join_names(names)) == names


@st.composite
def teams(draw: st.DrawFn) -> tuple[list[PersonRow], World]:
    """People as they may stand in a database, whatever their names are."""
    departments = {name: uuid4() for name in draw(st.lists(NAMES, max_size=3, unique=True))}
    roles = {name: CustomRole(uuid4(), name, frozenset()) for name in draw(st.lists(NAMES, max_size=3, unique=True))}
    rows, accounts = [], {}
    for number in range(draw(st.integers(0, 4))):
        department = draw(st.sampled_from([None, *departments]))
        mine = draw(st.sets(st.sampled_from(sorted(roles)))) if roles else set()
        zone = draw(st.sampled_from(["UTC", "Europe/Vienna", "Gone/Zone"]))
        now = datetime(2026, 3, 2, tzinfo=UTC)
        row = PersonRow(
            id=uuid4(),
            email=draw(st.sampled_from(["+a", "=b", "c d", "é", "'x"])).replace(" ", ".") + f"{number}@example.com",
            name=draw(TEXT | FORMULAS),
            role=draw(st.sampled_from(list(rules.Role))).value,
            status=draw(st.sampled_from(list(rules.Status))).value,
            department_id=departments.get(department or ""),
            department=department,
            phone=draw(st.none() | st.sampled_from(["+43 1 23", "12345", "not a number"])),
            zone=zone,
            has_password=True,
            last_login=None,
            created_at=now,
            updated_at=now,
            custom_roles=tuple(sorted(mine, key=lambda name: (name.lower(), name))),
            locked_until=None,
            invited_until=None,
        )
        rows.append(row)
        accounts[row.email] = Account(
            row.id, row.email, row.name, row.role, row.status, row.department_id, row.phone, row.zone,
            frozenset(roles[name].id for name in mine),
        )  # fmt: skip
    return rows, World(accounts, departments, roles, 0, frozenset({"UTC", "Europe/Vienna"}))


@given(teams())
def test_what_is_exported_and_imported_changes_nothing(team: tuple[list[PersonRow], World]) -> None:
    rows, there = team
    text = line_of(COLUMNS) + "".join(line_of(cells(row)) for row in rows)
    nobody = Actor(uuid4(), "Nobody")
    plan = make_plan(import_file.read(text.encode()), there, nobody)
    assert plan.problems == ()
    assert [each.changes for each in plan.people] == [False] * len(rows)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    check: Callable[[bytes], Plan] = lambda some: make_plan(import_file.read(some), world(), OPERATOR)  # noqa: E731
    for some in (content, b"email,name\n" + content, b"email;name;status\n" + content):
        try:
            plan = check(some)
        except Invalid:
            continue
        assert all(isinstance(each, Problem) and each.line >= 1 for each in plan.problems)
