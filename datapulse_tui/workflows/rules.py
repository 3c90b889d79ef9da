"""Words of requests: the enumerations, who may do what, and the figures of semantics.md. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from datapulse_tui.data.verbs import LONGEST_COMMENT as LONGEST_COMMENT

REQUEST = "workflow:request"
COMMENT = "workflow:comment"
DECIDE = "workflow:decide"
DELEGATE = "workflow:delegate"
VIEW_ALL = "workflow:view_all"
MANAGE = "workflow:manage"

WORKFLOWS_TOPIC = "workflows"  # of the change feed, with the requests' ids
DELEGATIONS_TOPIC = "delegations"

PROVISIONAL = timedelta(seconds=10)  # a decision can be taken back for so long
REMIND_EVERY = timedelta(hours=4)
EXPIRES_AFTER = timedelta(days=30)


class Status(StrEnum):
    """Where a request stands; completed means that its effect was carried out."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    COMPLETED = "completed"


class Result(StrEnum):
    """What came of a request that is no longer pending (`outcome`)."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class WaitingOn(StrEnum):
    """Whose turn it is."""

    APPROVER = "approver"
    REQUESTER = "requester"


class EffectState(StrEnum):
    """What became of the effect of an approval."""

    NONE = "none"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Priority(StrEnum):
    """How pressing a request is, the most pressing last."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class Vote(StrEnum):
    """What an approver says."""

    APPROVE = "approve"
    REJECT = "reject"


class Scope(StrEnum):
    """The lists of the queue."""

    FOR_ME = "for_me"
    MINE = "mine"
    DECIDED = "decided"
    ALL = "all"
