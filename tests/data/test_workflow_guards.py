"""What the database itself refuses about requests, whoever asks: each test goes around the service."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege, UniqueViolation

from tests.databases import dsn

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def app(database_url: str, owner_url: str) -> Connection:
    """A connection as the application's role, with four people in the database."""
    with psycopg.connect(dsn(owner_url)) as owner:
        for name in ("requester", "first", "second", "third"):
            owner.execute(
                "INSERT INTO users (email, password, name, status) VALUES (%s, '!', %s, 'active')",
                [f"{name}@example.com", name],
            )
    with psycopg.connect(dsn(database_url), autocommit=True) as connection:
        yield connection


def person(app: Connection, name: str) -> UUID:
    row = app.execute("SELECT id FROM users WHERE name = %s", [name]).fetchone()
    assert row is not None
    return row[0]  # type: ignore[return-value]


def request(app: Connection, quorum: int = 1) -> UUID:
    row = app.execute(
        "INSERT INTO workflows (requester_id, type, quorum) VALUES (%s, 'free_form', %s) RETURNING id",
        [person(app, "requester"), quorum],
    ).fetchone()
    assert row is not None
    return row[0]  # type: ignore[return-value]


def vote(app: Connection, workflow: UUID, actor: str, principal: str = "", how: str = "approve", why: str = "") -> None:
    app.execute(
        "INSERT INTO workflow_votes (workflow_id, actor_id, principal_id, vote, comment, version) "
        "VALUES (%s, %s, %s, %s, %s, 1)",
        [workflow, person(app, actor), person(app, principal or actor), how, why],
    )


def decide(app: Connection, workflow: UUID, status: str = "approved", outcome: str = "approved") -> None:
    app.execute("UPDATE workflows SET status = %s, outcome = %s WHERE id = %s", [status, outcome, workflow])


@pytest.mark.parametrize(("actor", "principal"), [("requester", ""), ("requester", "first"), ("first", "requester")])
def test_nobody_votes_on_their_own_request(app: Connection, actor: str, principal: str) -> None:
    workflow = request(app)
    with pytest.raises(CheckViolation, match="their own request"):
        vote(app, workflow, actor, principal)


def test_the_requester_is_never_the_approver(app: Connection) -> None:
    workflow = request(app)
    with pytest.raises(CheckViolation, match="four_eyes"):
        app.execute("UPDATE workflows SET approver_id = requester_id WHERE id = %s", [workflow])


def test_the_requester_never_changes(app: Connection) -> None:
    workflow = request(app)
    with pytest.raises(CheckViolation, match="never changes"):
        app.execute("UPDATE workflows SET requester_id = %s WHERE id = %s", [person(app, "first"), workflow])


def test_approval_needs_its_quorum(app: Connection) -> None:
    workflow = request(app, quorum=2)
    with pytest.raises(CheckViolation, match="0 votes of 2"):
        decide(app, workflow)
    vote(app, workflow, "first")
    with pytest.raises(CheckViolation, match="1 votes of 2"):
        decide(app, workflow)
    vote(app, workflow, "second")
    decide(app, workflow)


def test_a_quorum_is_of_different_people(app: Connection) -> None:
    workflow = request(app, quorum=2)
    vote(app, workflow, "first")
    with pytest.raises(UniqueViolation):
        vote(app, workflow, "first")
    with pytest.raises(UniqueViolation):  # one hand for two principals
        vote(app, workflow, "first", "second")
    with pytest.raises(UniqueViolation):  # one principal by two hands
        vote(app, workflow, "third", "first")


def test_a_retracted_vote_counts_no_more_and_can_be_given_again(app: Connection) -> None:
    workflow = request(app)
    vote(app, workflow, "first")
    app.execute("UPDATE workflow_votes SET retracted_at = now()")
    with pytest.raises(CheckViolation, match="0 votes of 1"):
        decide(app, workflow)
    vote(app, workflow, "first")
    decide(app, workflow)


def test_votes_are_append_only(app: Connection, owner_url: str) -> None:
    workflow = request(app)
    vote(app, workflow, "first")
    with pytest.raises(InsufficientPrivilege):
        app.execute("UPDATE workflow_votes SET vote = 'reject', comment = 'x'")
    with pytest.raises(InsufficientPrivilege):
        app.execute("DELETE FROM workflow_votes")
    with psycopg.connect(dsn(owner_url)) as owner:  # the owner has the right, and is refused by the trigger
        with pytest.raises(InsufficientPrivilege, match="append-only"), owner.transaction():
            owner.execute("UPDATE workflow_votes SET comment = 'another', retracted_at = now()")
        with pytest.raises(InsufficientPrivilege, match="append-only"), owner.transaction():
            owner.execute("DELETE FROM workflows")


def test_a_decided_request_takes_no_vote_and_gives_none_back(app: Connection) -> None:
    workflow = request(app)
    vote(app, workflow, "first")
    decide(app, workflow)
    with pytest.raises(CheckViolation, match="is decided"):
        vote(app, workflow, "second")
    with pytest.raises(CheckViolation, match="is decided"):
        app.execute("UPDATE workflow_votes SET retracted_at = now()")


def test_a_rejection_says_why_and_needs_a_vote(app: Connection) -> None:
    workflow = request(app)
    with pytest.raises(CheckViolation, match="reject_says_why"):
        vote(app, workflow, "first", how="reject", why="  ")
    with pytest.raises(CheckViolation, match="0 votes of 1"):
        decide(app, workflow, "rejected", "rejected")
    vote(app, workflow, "first", how="reject", why="not now")
    decide(app, workflow, "rejected", "rejected")


def test_withdrawing_needs_no_vote(app: Connection) -> None:
    decide(app, request(app), "rejected", "withdrawn")


@pytest.mark.parametrize("then", ["pending", "approved", "completed"])
def test_a_rejected_request_stays_rejected(app: Connection, then: str) -> None:
    workflow = request(app)
    decide(app, workflow, "rejected", "withdrawn")
    with pytest.raises(CheckViolation):
        app.execute(
            "UPDATE workflows SET status = %s, outcome = nullif(%s, 'pending') WHERE id = %s", [then, then, workflow]
        )


def test_nothing_is_completed_that_was_not_approved(app: Connection) -> None:
    workflow = request(app)
    with pytest.raises(CheckViolation, match="from pending to completed"):
        decide(app, workflow, "completed")
