"""What a worker lends to its tasks: the database, the settings, and what higher rooms add."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from procrastinate import JobContext

T = TypeVar("T")


def lend(things: Iterable[object]) -> dict[str, object]:
    """`things` as a worker's additional context: one of each type."""
    return {_name(type(thing)): thing for thing in things}


def borrow(context: JobContext, kind: type[T]) -> T:
    """The worker's thing of exactly the type `kind`: `data = borrow(context, Database)`. LookupError without one."""
    thing: object = context.additional_context.get(_name(kind))
    if not isinstance(thing, kind):
        raise LookupError(f"this worker lends no {kind.__name__} to its tasks")
    return thing


def _name(kind: type[object]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
