"""Decisions about API keys."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.errors import Invalid
from datapulse_tui.people import key_rules
from datapulse_tui.people.key_rules import PEOPLE_ONLY, KeyState
from datapulse_tui.people.rules import PERMISSIONS, ROLE_PERMISSIONS, Role

NOW = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
WORDS = sorted(PERMISSIONS)


def test_a_key_looks_like_one() -> None:
    key = key_rules.MARK + secrets.token_urlsafe(key_rules.RANDOM_BYTES)
    assert key_rules.looks_like_a_key(key)
    assert key_rules.prefix_of(key) == key[:12]
    for other in (
        "",
        "dp_",
        key[:-1],
        key + "A",
        key[:-1] + "é",
        key[:-1] + "\n",
        f" {key}",
        key.replace("dp_", "pd_"),
    ):
        assert not key_rules.looks_like_a_key(other)


STATES = [
    (True, NOW + timedelta(microseconds=1), True, KeyState.LIVE),
    (True, NOW, True, KeyState.EXPIRED),  # at that very moment it is over
    (True, NOW - timedelta(days=1), True, KeyState.EXPIRED),
    (True, None, True, KeyState.EXPIRED),
    (False, NOW + timedelta(days=1), True, KeyState.REVOKED),
    (False, NOW - timedelta(days=1), False, KeyState.REVOKED),
    (True, NOW + timedelta(days=1), False, KeyState.OWNER_AWAY),
]


@pytest.mark.parametrize(("active", "expires", "owner", "expected"), STATES)
def test_how_a_key_stands(active: bool, expires: datetime | None, owner: bool, expected: KeyState) -> None:
    assert key_rules.state(is_active=active, expires_at=expires, owner_active=owner, now=NOW) is expected


def test_what_only_people_do() -> None:
    assert set(PERMISSIONS) >= PEOPLE_ONLY
    for word in ("apikey:create", "apikey:manage", "sshkey:create", "user:create", "user:set_password", "role:assign",
                 "session:manage", "workflow:decide", "workflow:delegate", "user:activate"):  # fmt: skip
        assert word in PEOPLE_ONLY
    for word in ("dashboard:view", "source:query", "alert:triage", "user:find", "audit:view", "workflow:request"):
        assert word not in PEOPLE_ONLY


def test_no_key_has_all_that_any_account_has() -> None:
    """Hence no key changes an account: nobody touches somebody who may do more."""
    everything = key_rules.usable(PERMISSIONS, PERMISSIONS)
    assert not any(ROLE_PERMISSIONS[role] <= everything for role in Role)


@given(st.sets(st.sampled_from([*WORDS, "root:all", ""])), st.sets(st.sampled_from(WORDS)))
def test_a_key_never_does_more_than_its_scopes_and_its_owner(scopes: set[str], permissions: set[str]) -> None:
    allowed = key_rules.usable(scopes, permissions)
    assert allowed <= scopes & permissions
    assert not allowed & PEOPLE_ONLY
    try:
        checked = key_rules.check_scopes(scopes, permissions)
    except Invalid:
        assert not scopes or scopes - permissions or scopes & PEOPLE_ONLY
    else:
        assert set(checked) == scopes
        assert key_rules.usable(checked, permissions) == scopes
        assert set(checked) <= set(key_rules.choosable(permissions))


def test_what_a_scope_cannot_be_is_said() -> None:
    mine = ROLE_PERMISSIONS[Role.ANALYST]
    for word, said in (
        ("source:manage", "do not have it"),
        ("apikey:create", "decided by people"),
        ("x", "not a perm"),
    ):
        with pytest.raises(Invalid, match=said):
            key_rules.check_scopes([word, "dashboard:view"], mine)
    with pytest.raises(Invalid, match="could do nothing"):
        key_rules.check_scopes([], mine)


def test_how_long() -> None:
    assert key_rules.check_days(365) == timedelta(days=365)
    for days in (0, -1, 366, 10**12):
        with pytest.raises(Invalid):
            key_rules.check_days(days)
    assert key_rules.check_overlap(timedelta(0)) == timedelta(0)
    for overlap in (timedelta(seconds=-1), timedelta(days=31)):
        with pytest.raises(Invalid):
            key_rules.check_overlap(overlap)


def test_names() -> None:
    assert key_rules.clean_name("  nightly [/] 売上  ") == "nightly [/] 売上"
    for name in ("", "  ", "x" * 101, "a\nb", "a\x1b[31m", "a\u202eb", "a\u200bb", "\ud800"):
        with pytest.raises(Invalid, match="1 to 100 characters"):
            key_rules.clean_name(name)
