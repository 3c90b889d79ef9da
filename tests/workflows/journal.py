"""What a database itself writes down of requests, votes and effects, and whether that is as it must always be.

The journal is kept by triggers, beside and without the services: it tells what happened, not what they say happened.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from tests.databases import dsn

TABLES = """
CREATE TABLE deeds (workflow_id uuid NOT NULL);
CREATE TABLE steps (
    id bigint GENERATED ALWAYS AS IDENTITY, workflow_id uuid, before text, after text, effect_before text,
    effect_after text, approvals bigint, rejections bigint);
CREATE TABLE cast_votes (id bigint GENERATED ALWAYS AS IDENTITY, vote_id uuid, in_force boolean);
GRANT ALL ON deeds, steps, cast_votes TO datapulse_app;
CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO steps (workflow_id, before, after, effect_before, effect_after, approvals, rejections)
    SELECT NEW.id, OLD.status, NEW.status, OLD.effect_state, NEW.effect_state,
        count(*) FILTER (WHERE vote = 'approve'), count(*) FILTER (WHERE vote = 'reject')
    FROM workflow_votes WHERE workflow_id = NEW.id AND retracted_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER note_step AFTER UPDATE ON workflows FOR EACH ROW
    WHEN (OLD.status <> NEW.status OR OLD.effect_state <> NEW.effect_state) EXECUTE FUNCTION note_step();
-- Whether both people are active at that moment, and the one stands in for the other or was given this one request.
CREATE FUNCTION note_vote() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cast_votes (vote_id, in_force)
    SELECT NEW.id, (SELECT count(*) FROM users WHERE id IN (NEW.actor_id, NEW.principal_id) AND status = 'active')
            = CASE WHEN NEW.actor_id = NEW.principal_id THEN 1 ELSE 2 END
        AND (NEW.actor_id = NEW.principal_id
            OR EXISTS (SELECT FROM delegations WHERE principal_id = NEW.principal_id AND substitute_id = NEW.actor_id
                AND ended_at IS NULL AND starts_at <= now() AND ends_at > now())
            OR NEW.principal_id = (SELECT CAST(details->>'principal' AS uuid) FROM workflow_events
                WHERE workflow_id = NEW.workflow_id AND kind = 'delegated' ORDER BY id DESC LIMIT 1));
    RETURN NULL;
END $$;
CREATE TRIGGER note_vote AFTER INSERT ON workflow_votes FOR EACH ROW EXECUTE FUNCTION note_vote();
"""
EMPTY = "TRUNCATE workflows, delegations, deeds, steps, cast_votes CASCADE"

DECISIONS = (("pending", "approved"), ("pending", "rejected"))
ROADS: tuple[tuple[tuple[str, str], ...], ...] = (
    (), DECISIONS[:1], DECISIONS[1:], (DECISIONS[0], ("approved", "completed")),
)  # fmt: skip
EFFECTS = {("none", "waiting"), ("waiting", "done"), ("waiting", "failed"), ("failed", "waiting")}


@dataclass
class Journal:
    """The owner's look at one database."""

    url: str
    known: dict[UUID, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = psycopg.connect(dsn(self.url), autocommit=True, row_factory=namedtuple_row)

    def rows(self, sql: str, values: Any = None) -> list[Any]:
        cursor = self.connection.execute(sql.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def empty(self) -> None:
        """Forget every request."""
        self.rows(EMPTY)
        self.known.clear()

    def check(self) -> None:
        """Fail unless everything that must always hold does."""
        votes = self.by_request("SELECT * FROM workflow_votes ORDER BY created_at, id")
        steps = self.by_request("SELECT * FROM steps ORDER BY id")
        events = self.by_request("SELECT * FROM workflow_events ORDER BY id")
        deeds = Counter(row.workflow_id for row in self.rows("SELECT * FROM deeds"))
        self.votes_only_grow([vote for each in votes.values() for vote in each])
        assert all(row.in_force for row in self.rows("SELECT in_force FROM cast_votes"))
        for row in self.rows("SELECT * FROM workflows"):
            four_eyes(row, votes[row.id])
            order_of_states(row, steps[row.id])
            one_winner(row, votes[row.id])
            decided_once(row, votes[row.id], steps[row.id], events[row.id])
            effect_at_most_once(row, steps[row.id], events[row.id], deeds[row.id])

    def by_request(self, sql: str) -> dict[UUID, list[Any]]:
        found: dict[UUID, list[Any]] = defaultdict(list)
        for row in self.rows(sql):
            found[row.workflow_id].append(row)
        return found

    def votes_only_grow(self, votes: Sequence[Any]) -> None:
        """No vote goes away or changes; one that was taken back stays so, at its time."""
        now = {vote.id: tuple(vote) for vote in votes}
        for key, before in self.known.items():
            after = now.get(key)
            assert after is not None
            assert before[:-1] == after[:-1]
            assert before[-1] in (None, after[-1])
        self.known = now


def live(votes: Sequence[Any]) -> list[Any]:
    return [vote for vote in votes if vote.retracted_at is None]


def four_eyes(row: Any, votes: Sequence[Any]) -> None:
    """Nobody has a hand in a request of theirs or about them, and nobody two in one."""
    refused = {row.requester_id, *(UUID(each) for each in row.details.get("refused", ()))}
    assert row.approver_id != row.requester_id
    for vote in votes:
        assert refused.isdisjoint((vote.actor_id, vote.principal_id))
    hands = Counter(person for vote in live(votes) for person in {vote.actor_id, vote.principal_id})
    assert not hands or max(hands.values()) == 1


def order_of_states(row: Any, steps: Sequence[Any]) -> None:
    """It went one of the roads there are, and stands at its end."""
    road = tuple((step.before, step.after) for step in steps if step.before != step.after)
    assert road in ROADS
    assert row.status == (road[-1][1] if road else "pending")


def one_winner(row: Any, votes: Sequence[Any]) -> None:
    """Votes are on the content as it is, and none follows the one that decides. A pending request has a decision that
    can be taken back if and only if its votes make one."""
    said = [vote.vote for vote in live(votes)]
    assert all(vote.version == row.version for vote in live(votes))
    assert said.count("reject") <= 1
    assert said.count("approve") <= row.quorum - said.count("reject")
    if row.status == "pending":
        enough = "reject" in said or said.count("approve") == row.quorum
        assert enough == (row.final_at is not None)


def decided_once(row: Any, votes: Sequence[Any], steps: Sequence[Any], events: Sequence[Any]) -> None:
    """One decision, with the votes that it needs, which the history tells once."""
    kinds = Counter(event.kind for event in events)
    decisions = [step for step in steps if (step.before, step.after) in DECISIONS]
    assert kinds["decided"] + kinds["withdrawn"] + kinds["expired"] == len(decisions) <= 1
    for step in decisions:
        if step.after == "approved":
            assert step.approvals >= row.quorum
            assert step.rejections == 0
        if row.outcome == "rejected":
            assert step.rejections == 1
            assert any(vote.vote == "reject" and vote.comment for vote in live(votes))
        if row.outcome in ("approved", "rejected"):
            assert row.approver_id in [vote.actor_id for vote in live(votes)]
        if row.outcome == "withdrawn":
            (event,) = [each for each in events if each.kind == "withdrawn"]
            assert event.actor_id == row.requester_id


def effect_at_most_once(row: Any, steps: Sequence[Any], events: Sequence[Any], deeds: int) -> None:
    """Nothing is done without an approval, and nothing twice; what is done is what is said to be done."""
    changes = [(step.effect_before, step.effect_after) for step in steps if step.effect_before != step.effect_after]
    assert set(changes) <= EFFECTS
    assert changes.count(("waiting", "done")) == deeds == sum(event.kind == "effect_done" for event in events)
    assert deeds == (row.effect_state == "done") <= (row.status == "completed")
    for step in steps:
        if step.effect_before != step.effect_after:
            assert step.after in ("approved", "completed")
