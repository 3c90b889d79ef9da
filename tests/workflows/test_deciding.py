"""Who may decide, as pure rules: nobody's own, no way round, and the first reason counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from datapulse_tui.workflows.deciding import Authority, Standing, described, why_not, words_of

ME, PRINCIPAL, OTHER, REQUESTER = (uuid4() for _ in range(4))
AT = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


@dataclass
class Request:
    requester_id: UUID = REQUESTER
    requester_name: str = "Rita"
    type: str = "favour"
    audience: list[str] = field(default_factory=lambda: ["role:admin"])
    refused: list[str] | None = None
    voters: list[UUID] | None = None
    lent_by: UUID | None = None
    status: str = "pending"
    outcome: str | None = None
    final_at: datetime | None = None
    against: bool = False
    decider: str | None = None
    decided_on: datetime | None = None
    resolved_at: datetime | None = None


def authority(user_id: UUID, *words: str, types: tuple[str, ...] = ()) -> Authority:
    return Authority(user_id, str(user_id)[:4], "", frozenset({f"user:{user_id}", *words}), types)


def why(standing: Standing, request: Request) -> str:
    refusal = why_not(standing, request, UTC)
    return refusal.message if refusal else ""


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(), ""),
        (Request(audience=["role:nobody"]), "you are not one of those who decide it"),
        (Request(requester_id=ME), "it is your own request"),
        (Request(refused=[str(ME)]), "it is about you"),
        (Request(voters=[ME]), "you have voted on it already"),
        (Request(final_at=AT, decider="Ana", decided_on=AT), "already approved by Ana at 2026-03-04 12:30:00"),
        (
            Request(final_at=AT, decider="Ana", decided_on=AT, against=True),
            "already rejected by Ana at 2026-03-04 12:30:00",
        ),
        (Request(status="completed", outcome="approved", decider="Ana"), "already approved by Ana"),
        (Request(status="rejected", outcome="rejected", requester_id=ME), "already rejected by somebody"),
        (
            Request(status="rejected", outcome="withdrawn", resolved_at=AT),
            "already withdrawn by Rita at 2026-03-04 12:30:00",
        ),
        (Request(status="rejected", outcome="expired"), "already expired"),
    ],
)
def test_why_not(request_: Request, words: str) -> None:
    assert why(Standing(authority(ME, "role:admin")), request_) == words


def test_standing_in() -> None:
    away = authority(PRINCIPAL, "role:admin")
    mine = Standing(authority(ME), (away,))
    assert mine.right_on(Request()) is away
    assert why(mine, Request(requester_id=PRINCIPAL)).startswith("it is a request of somebody for whom you stand in")
    assert why(mine, Request(refused=[str(PRINCIPAL)])).startswith("it is a request of somebody")
    assert "has voted on it already" in why(mine, Request(voters=[PRINCIPAL]))
    assert why(mine, Request(requester_id=ME)) == "it is your own request"
    typed = Standing(authority(ME), (authority(PRINCIPAL, "role:admin", types=("role_grant",)),))
    assert typed.right_on(Request()) is None
    assert typed.right_on(Request(type="role_grant")) is not None
    own = Standing(authority(ME, "role:admin"), (away,))
    assert own.right_on(Request()) is own.person, "one's own right comes first"


def test_what_was_given_is_decided_in_the_giver_s_right() -> None:
    lender = authority(OTHER, "role:admin")
    given_away = Request(audience=["role:admin", f"user:{ME}"], lent_by=OTHER)
    mine = Standing(authority(ME), (), {OTHER: lender})
    assert mine.right_on(given_away) is lender
    assert Standing(authority(ME)).right_on(given_away) is None, "the giver is no longer active"
    powerless = Standing(authority(ME), (), {OTHER: authority(OTHER)})
    assert powerless.right_on(given_away) is None, "the giver has lost the right"
    assert mine.right_on(Request(audience=["role:admin", f"user:{ME}"], lent_by=OTHER, requester_id=OTHER)) is None


def test_words() -> None:
    head = uuid4()
    manager = words_of(ME, "ops_manager", ["clerks", "admin"], [head], ROLE_PERMISSIONS[Role.OPS_MANAGER])
    assert {f"user:{ME}", f"head:{head}", "role:ops_manager", "role:analyst", "role:clerks"} <= manager
    assert "permission:workflow:decide" in manager
    assert "role:admin" not in manager, "a custom role with that name is not it"
    business = words_of(ME, "business_user", ["clerks"], [head], ROLE_PERMISSIONS[Role.BUSINESS_USER])
    assert business == {f"user:{ME}", f"head:{head}"}
    assert words_of(ME, "admin", [], [head], []) == frozenset()


people = st.sampled_from([ME, PRINCIPAL, OTHER, REQUESTER])
some_words = st.lists(st.sampled_from(["role:admin", "role:x", f"user:{ME}", f"user:{PRINCIPAL}"]), max_size=3)


@given(
    some_words,
    some_words,
    some_words,
    people,
    st.lists(people, max_size=2),
    st.lists(people, max_size=2),
    st.sampled_from([None, OTHER]),
)
def test_four_eyes_whatever_is_lent(
    mine: list[str],
    theirs: list[str],
    audience: list[str],
    requester: UUID,
    refused: list[UUID],
    voters: list[UUID],
    lent_by: UUID | None,
) -> None:
    standing = Standing(authority(ME, *mine), (authority(PRINCIPAL, *theirs),), {OTHER: authority(OTHER, *theirs)})
    request = Request(
        requester_id=requester,
        audience=audience,
        refused=[str(each) for each in refused],
        voters=voters,
        lent_by=lent_by,
    )
    right = standing.right_on(request)
    refusal: Any = why_not(standing, request, UTC)
    if refusal is None:
        assert right is not None
        assert ME not in (requester, *refused, *voters)
        assert right.id not in (requester, *refused)
        assert right.id == ME or right.id not in voters
        assert not right.words.isdisjoint(audience)


def test_described() -> None:
    assert described(["permission:workflow:decide", "user:1", "user:2"]) == (
        "those with workflow:decide or a named person"
    )
