"""What waits for a person, whatever it is, in the order of the time that is left. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from heapq import merge
from typing import NamedTuple

from datapulse_tui.tui.screens.alerts.loaded import NEW
from datapulse_tui.tui.screens.alerts.words import Badge

NEVER = datetime.max.replace(tzinfo=UTC)


class Task(NamedTuple):
    """One thing that a person can settle. Kinds stand in one list, the first to breach first.

    `breach_at` is when it goes to somebody else unless it is settled (None: it does not). `what` is its name, whole
    and short; `value` what it tells in a few cells; `since` when it began; `who` has it. `subject` is what the verbs of
    its kind act on, and `id` is unique among all kinds.
    """

    kind: str
    id: str
    badge: Badge
    what: tuple[str, str]
    value: tuple[str, str]
    since: datetime
    who: str
    breach_at: datetime | None
    subject: object


def by_breach(*kinds: Sequence[Task]) -> list[Task]:
    """The tasks of several kinds in one list. Each comes in its own order already, with what never breaches last."""
    return list(merge(*kinds, key=lambda task: task.breach_at or NEVER))


class TaskList:
    """The tasks on the screen. Nothing moves while somebody reads it: a known task keeps its place until all is read
    anew, and one that is settled stays while the cursor is on it, and when it was settled here."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.keys: list[str] = []
        self.gone: set[str] = set()
        self._signs: dict[str, str] = {}

    def anew(self, tasks: Iterable[Task]) -> None:
        """These and no others."""
        self.tasks = {task.id: task for task in tasks}
        self.keys = list(self.tasks)
        self.gone, self._signs = set(), {}

    def again(self, tasks: Iterable[Task], keep: str) -> None:
        """The tasks as they are now; `keep` is the one under the cursor."""
        fresh = {task.id: task for task in tasks}
        behind: dict[str, list[str]] = {}
        known = ""
        for key in fresh:
            if key in self.tasks:
                known = key
            else:
                behind.setdefault(known, []).append(key)
                self._signs[key] = NEW
        stay = [key for key in self.keys if key in fresh or key == keep or self._signs.get(key, NEW) != NEW]
        self.gone = {key for key in stay if key not in fresh}
        self.keys = [*behind.get("", ())]
        for key in stay:
            self.keys += [key, *behind.get(key, ())]
        self.tasks = {key: fresh.get(key) or self.tasks[key] for key in self.keys}
        self._signs = {key: sign for key, sign in self._signs.items() if key in self.tasks}

    def sign(self, keys: Iterable[str], sign: str) -> None:
        """Put a sign in front of these: under way, done, failed."""
        self._signs |= dict.fromkeys((key for key in keys if key in self.tasks), sign)

    def seen(self, key: str) -> None:
        """The cursor was there: it is no longer new."""
        if self._signs.get(key) == NEW:
            del self._signs[key]

    def sign_of(self, key: str) -> str:
        """The sign in front of a task."""
        return self._signs.get(key, "")

    @property
    def waiting(self) -> int:
        """How many still wait."""
        return len(self.keys) - len(self.gone)
