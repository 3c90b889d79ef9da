"""How a decision is written down: who may do a verb with what is theirs, shared with them, somebody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from datapulse_tui.errors import DataPulseError

if TYPE_CHECKING:
    from tests.permissions.world import Cell

# Who acts. The first four have a built-in role. `deputy` is an analyst with a custom role that has every permission on
# people, roles, departments, keys and sessions. `nothing` is an administrator with a key that has no scopes, and so
# somebody without any permission; `gone` was an operations manager and is deactivated.
BUSINESS, ANALYST, OPS, ADMIN, DEPUTY, OPERATOR, NOTHING, GONE = KINDS = (
    "business_user", "analyst", "ops_manager", "admin", "deputy", "operator", "nothing", "gone",
)  # fmt: skip

Who = frozenset[str]
NOBODY: Who = frozenset()
ADMINS: Who = frozenset({ADMIN, OPERATOR})
MANAGERS: Who = ADMINS | {OPS}
ANALYSTS: Who = MANAGERS | {ANALYST, DEPUTY}
EVERYBODY: Who = ANALYSTS | {BUSINESS}
PEOPLE: Who = EVERYBODY - {OPERATOR}
DEPUTIES: Who = ADMINS | {DEPUTY}
OPERATORS: Who = frozenset({OPERATOR})
THEMSELVES: Who = PEOPLE | {NOTHING}  # everybody who is somebody, with whatever rights

# What is somebody's own, or was shared with them, an operator has none of.
OF_PEOPLE = ("own", "shared")

Call = Callable[["Cell"], Awaitable[object]]


@dataclass(frozen=True)
class Decision:
    """Who may, by whose the object is: `own`, `shared` (with them, or received, or granted), `foreign`, and `above` for
    people and roles that may do more than anybody but an administrator. A verb without an object has `any` alone.

    `call` does it, and says nothing of what it thinks of the actor. Where they may, it ends well or with one of `ends`.
    """

    call: Call
    who: Mapping[str, Who]
    ends: tuple[type[DataPulseError], ...] = field(default=())
    prepare: Call | None = None


def may(call: Call, *ends: type[DataPulseError], prepare: Call | None = None, **who: Who) -> Decision:
    """A decision in one line; `prepare` makes ready what is tried."""
    return Decision(call, who, ends, prepare)
