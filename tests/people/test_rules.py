from __future__ import annotations

import itertools
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from datapulse_tui.data.models import people, shapes
from datapulse_tui.errors import Invalid
from datapulse_tui.people import rules
from datapulse_tui.people.rules import PERMISSIONS, ROLE_PERMISSIONS, Role, Status, sign_in_delay

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def test_enums_are_what_the_table_takes() -> None:
    assert tuple(Role) == people.USER_ROLES
    assert tuple(Status) == people.USER_STATUSES


def test_rules_import_no_engine() -> None:
    heavy = "sqlalchemy|textual|httpx|psycopg|bcrypt|pydantic"
    program = (
        "import sys, datapulse_tui.people.rules, datapulse_tui.people.operator, datapulse_tui.people.service,"
        "datapulse_tui.people.sign_in, datapulse_tui.people.reads, datapulse_tui.audit.sealer;"
        f"import re; print([m for m in sys.modules if re.fullmatch('({heavy})', m)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- permissions -------------------------------------------------------------------------------------------------------


def test_permissions_fit_where_custom_roles_keep_them() -> None:
    shape = re.compile(r"[a-z_]+:[a-z_]+")
    TypeAdapter(shapes.Permissions).validate_python(list(PERMISSIONS))
    assert len(PERMISSIONS) == len(rules._TABLE)
    for word, explanation in PERMISSIONS.items():
        assert shape.fullmatch(word)
        assert explanation
        assert not explanation.endswith(".")


def test_each_role_has_what_the_one_before_has_and_more() -> None:
    roles = list(Role)
    for lower, higher in itertools.pairwise(roles):
        assert ROLE_PERMISSIONS[lower] < ROLE_PERMISSIONS[higher]
    assert ROLE_PERMISSIONS[Role.ADMIN] == set(PERMISSIONS)


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (Role.BUSINESS_USER, "dashboard:view workflow:request alert:triage", "source:query dashboard:create user:view"),
        (Role.ANALYST, "source:query dashboard:create query:create model:create", "alert:create workflow:decide"),
        (Role.OPS_MANAGER, "alert:create alert:triage_all workflow:decide", "source:manage user:create audit:view"),
        (Role.ADMIN, "user:create audit:verify source:manage dashboard:manage", ""),
    ],
)
def test_what_roles_may_do(role: Role, may: str, may_not: str) -> None:
    assert set(may.split()) <= ROLE_PERMISSIONS[role]
    assert not set(may_not.split()) & ROLE_PERMISSIONS[role]


@given(st.sampled_from(Role), st.lists(st.lists(st.sampled_from(sorted(PERMISSIONS)) | st.text())))
def test_custom_roles_add_known_permissions_and_nothing_else(role: Role, custom: list[list[str]]) -> None:
    effective = rules.effective_permissions(role, custom)
    assert ROLE_PERMISSIONS[role] <= effective <= set(PERMISSIONS)
    assert effective == ROLE_PERMISSIONS[role] | ({word for words in custom for word in words} & set(PERMISSIONS))


# -- addresses, names, phones ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Ana@Example.COM\n", "ana@example.com"),
        ("JOSE\u0301@example.com", "josé@example.com"),
        ("o'brien+tag@x.y", "o'brien+tag@x.y"),
    ],
)
def test_addresses_are_normalised(typed: str, kept: str) -> None:
    assert rules.normalise_email(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "ana", "@example.com", "ana@", "a@b@c", "a b@c.d", "a\u202eb@c.d", "a\x1b[2J@c.d", "x" * 255 + "@y"]
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Invalid, match="e-mail"):
        rules.normalise_email(typed)


@given(st.text())
def test_normalising_an_address_again_changes_nothing(text: str) -> None:
    try:
        email = rules.normalise_email(text)
    except Invalid:
        return
    assert rules.normalise_email(email) == email == email.lower()
    assert len(email) <= rules.EMAIL_LENGTH


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x1b[31mb", "a\ud800"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        rules.normalise_name(name)


def test_hostile_names_that_are_names_are_kept() -> None:
    assert rules.normalise_name(" disk [/dev/sda1] full [/] ") == "disk [/dev/sda1] full [/]"


def test_phones() -> None:
    assert rules.normalise_phone(" +43 1 (234) 56-78 ") == "+43 1 (234) 56-78"
    assert rules.normalise_phone(" ") is None
    for typed in ("call me", "+43;rm -rf", "1" * 51, "+-"):
        with pytest.raises(Invalid):
            rules.normalise_phone(typed)


# -- passwords ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "fewer than 10"),
        ("ninechars", "fewer than 10"),
        ("x1234567890" * 7, "77 bytes"),
        ("é1234" * 13, "78 bytes"),
        ("aaaaaaaaaaab", "different"),
        ("line\nend is here", "control"),
        ("Ana@Example.com", "address"),
        ("ana maria lopez", "name"),
    ],
)
def test_passwords_that_are_refused(password: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as caught:
        rules.check_new_password(password, email="ana@example.com", name="Ana Maria Lopez")
    assert not password or password not in str(caught.value)


@pytest.mark.parametrize("password", ["correct horse", "x1234567890" * 6 + "123456", "пароль-пароль", "🐎 battery ✓"])
def test_passwords_that_may_be_used(password: str) -> None:
    rules.check_new_password(password, email="ana@example.com", name="Ana")


@given(st.text(max_size=100))
def test_an_accepted_password_is_hashed_as_a_whole(password: str) -> None:
    try:
        rules.check_new_password(password)
    except Invalid:
        return
    assert len(rules.password_bytes(password)) <= 72
    assert len(password) >= 10


def test_an_accent_is_the_same_however_it_was_typed() -> None:
    assert rules.password_bytes("cafe\u0301 cafe\u0301") == rules.password_bytes("café café")


# -- delay -------------------------------------------------------------------------------------------------------------


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=one) for one in seconds]


@pytest.mark.parametrize(
    ("failures", "wait"),
    [
        ([], 0),
        (ago(4, 3, 2, 1), 0),
        (ago(5, 4, 3, 2, 0), 30),
        (ago(30, 25, 20, 15, 10), 20),
        (ago(99, 98, 97, 96, 30), 0),
        (ago(301, 200, 100, 50, 0), 0),
        (ago(300, 200, 100, 50, 0), 30),
        (ago(100, 99, 98, 97, 96, 0), 60),
        (ago(3600, 3599, 3598, 3597, 3596, 0), 60),
        (ago(*range(12, 0, -1), 0), 900),
        (ago(86_404, 86_403, 86_402, 86_401, 0), 0),
    ],
)
def test_delays(failures: list[datetime], wait: float) -> None:
    assert sign_in_delay(failures, NOW) == timedelta(seconds=wait)


moments = st.lists(st.integers(0, 2 * 86_400), max_size=60).map(lambda gaps: ago(*sorted(gaps, reverse=True)))


@given(moments)
def test_nobody_waits_longer_than_the_longest_delay(failures: list[datetime]) -> None:
    wait = sign_in_delay(failures, NOW)
    assert timedelta(0) <= wait <= rules.LONGEST_DELAY
    assert sign_in_delay(failures, NOW + wait) == timedelta(0)


@given(moments)
def test_another_failure_never_shortens_the_wait(failures: list[datetime]) -> None:
    assert sign_in_delay([*failures, NOW], NOW) >= sign_in_delay(failures, NOW)


@given(st.floats(0, 1000), st.integers(1, 3))
def test_guessing_as_fast_as_allowed_is_slow(start: float, seconds: int) -> None:
    """Whoever tries at every moment that is allowed gets about a hundred guesses a day."""
    now, failures = NOW + timedelta(seconds=start), []
    end = now + timedelta(days=1)
    while now < end:
        wait = sign_in_delay(failures, now)
        if wait:
            now += wait
            continue
        failures.append(now)
        now += timedelta(seconds=seconds)
    assert 90 <= len(failures) <= 110


def test_a_clock_that_was_set_back_delays_no_longer() -> None:
    ahead = [NOW + timedelta(hours=1, seconds=second) for second in range(5)]
    assert sign_in_delay(ahead, NOW) == rules.FIRST_DELAY
