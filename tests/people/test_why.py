"""Why somebody may do something, or not: the sentences by tables, the answer on real people."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.errors import Invalid, NotAllowed, NotFound
from datapulse_tui.people import role_rules, why, why_rules
from datapulse_tui.people.rules import PERMISSIONS, ROLE_PERMISSIONS, Role, Status, effective_permissions
from datapulse_tui.people.why_rules import Grant, KeyScope, Kind
from tests.people.conftest import OPERATOR, Add
from tests.people.test_roles import Desk

THEN = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("permission", "role", "status", "grants", "words"),
    [
        ("audit:view", "admin", "active", [], ["It comes with their role admin."]),
        (
            "dashboard:view", "analyst", "active", [],
            ["It comes with their role analyst, which may do all that business_user may.", "ownership and shares"],
        ),
        (
            "audit:view", "analyst", "active", [],
            ["Their role analyst does not come with it; admin does.", "None of their custom roles has it.",
             "Custom roles that would give it: Others."],
        ),
        (
            "alert:create", "business_user", "active", [Grant("Night [/]", "Ada", THEN)],
            ["does not come with it; ops_manager and admin do.", "in their custom role Night [/], given by Ada.",
             "Only rules of their own"],
        ),
        ("alert:create", "business_user", "active", [Grant("Night", "", THEN)], ["in their custom role Night."]),
        ("audit:view", "admin", "inactive", [], ["deactivated", "It comes with their role admin."]),
        ("audit:view", "admin", "pending", [], ["waits for its activation"]),
        ("user:view", "analyst", "active", [], ["Their own account they see without it."]),
    ],
)  # fmt: skip
def test_the_sentences(permission: str, role: str, status: str, grants: list[Grant], words: list[str]) -> None:
    others = [] if grants else ["Others"]
    said = " | ".join(
        each.words
        for each in why_rules.reasons(permission, role=role, status=status, grants=grants, others=others, keys=[])
    )
    for each in words:
        assert each in said
    assert ("Others" in said) == (not grants and permission not in ROLE_PERMISSIONS[Role(role)])


def test_keys_are_told_only_where_there_is_something_to_bound() -> None:
    keys = [KeyScope("ci", "dp_abc", True), KeyScope("old [b]", "", False)]
    told = why_rules.reasons("query:view", role="analyst", status="active", grants=[], keys=keys)
    assert [each.words for each in told if each.kind is Kind.KEY] == [
        "Their API key ci (dp_abc…) has it in its scopes.",
        "Not with their API key old [b]: its scopes leave it out.",
    ]
    told = why_rules.reasons("audit:view", role="analyst", status="active", grants=[], keys=keys)
    assert not [each for each in told if each.kind is Kind.KEY]


@given(st.sampled_from(list(PERMISSIONS)), st.sampled_from(list(Role)), st.sampled_from(list(Status)), st.booleans())
def test_the_reasons_say_what_the_answer_says(permission: str, role: Role, status: Status, custom: bool) -> None:
    grants = [Grant("some", "Ada", THEN)] if custom else []
    may = why_rules.may(permission, role, status, grants)
    assert may == (
        status == Status.ACTIVE and permission in effective_permissions(role, [[permission]] if custom else [])
    )
    told = why_rules.reasons(permission, role=role, status=status, grants=grants)
    gives = any(each.gives for each in told)
    stopped = any(each.gives is False and each.kind is Kind.ACCOUNT for each in told)
    assert may == (gives and not stopped)
    assert all(each.words.endswith(".") for each in told)


def test_every_word_that_is_explained_is_a_permission() -> None:
    assert set(why_rules.REACH) | set(why_rules.ANYWAY) <= set(PERMISSIONS)
    assert all(role_rules.first_role(word) in Role for word in PERMISSIONS)
    assert [word for _, group in role_rules.grouped(role_rules.listed()) for word in (p.word for p in group)] == list(
        PERMISSIONS
    )
    assert {each.word for each in role_rules.listed(text="SQL source")} == {"source:query"}
    assert role_rules.listed(["made:up"]) == ()


@pytest.fixture
def desk(data: Database) -> Desk:
    return Desk(data)


async def ask(desk: Desk, actor: Actor, person: UUID | str, permission: str) -> why.Why:
    async with desk.data.glance() as glance:
        return await why.why(glance, actor, person, permission)


async def test_the_answer_for_a_real_person(desk: Desk, add: Add) -> None:
    ada, ana = await add("ada", role="admin", password=None), await add("ana", role="analyst", password=None)
    admin = await desk.actor(ada)
    night = await desk.role("Night shift [/]", "alert:create", "audit:view")
    await desk.role("Auditors", "audit:view")
    answer = await ask(desk, admin, "Ana@example.com", " audit:view ")
    assert not answer.may
    assert "Auditors, Night shift [/]" in " ".join(each.words for each in answer.reasons)
    await desk.give(ana, night, admin)
    await desk.rows(
        "INSERT INTO api_keys (user_id, name, key_hash, permissions, expires_at, prefix) "
        "VALUES (:who, 'ci', 'x', '[\"query:view\"]', now() + interval '1 day', 'dp_1')",
        who=ana,
    )
    answer = await ask(desk, admin, ana, "audit:view")
    assert (answer.may, answer.name, answer.role) == (True, "Ana", "analyst")
    [custom] = [each for each in answer.reasons if each.kind is Kind.CUSTOM]
    assert custom.words == "It is in their custom role Night shift [/], given by Ada."
    assert custom.at is not None
    assert any("Not with their API key ci (dp_1…)" in each.words for each in answer.reasons)
    me = await desk.actor(ana)
    assert (await ask(desk, me, ana, "audit:view")).may
    with pytest.raises(NotAllowed):
        await ask(desk, me, ada, "audit:view")
    with pytest.raises(NotFound):
        await ask(desk, admin, "nobody@example.com", "audit:view")
    with pytest.raises(Invalid, match="audit:view"):
        await ask(desk, admin, ana, "audit:veiw")
    await desk.rows("UPDATE users SET status = 'inactive' WHERE id = :who", who=ana)
    answer = await ask(desk, OPERATOR, ana, "audit:view")
    assert not answer.may
    assert answer.reasons[0].kind is Kind.ACCOUNT


async def test_keys_of_others_are_told_to_who_may_see_keys(desk: Desk, add: Add) -> None:
    ana, bob = await add("ana", password=None), await add("bob", password=None)
    await desk.rows(
        "INSERT INTO api_keys (user_id, name, key_hash, expires_at) "
        "VALUES (:who, 'secret name', 'x', now() + interval '1 day')",
        who=bob,
    )
    await desk.give(ana, await desk.role("lookers", "role:view"))
    answer = await ask(desk, await desk.actor(ana), bob, "dashboard:view")
    assert "secret name" not in str(answer)
