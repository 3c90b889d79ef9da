"""What a file of people would change, and every reason why it must not: decided for all of it before anything is done.
Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from datapulse_tui.errors import DataPulseError
from datapulse_tui.people import rules
from datapulse_tui.people.csv_cells import BETWEEN, join_names, split_names
from datapulse_tui.people.import_file import File, Line, Problem
from datapulse_tui.people.rules import Role, Status

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor

T = TypeVar("T")

_NO_DEPARTMENT = "the name of a department that there is (`datapulse department list`), or nothing"
_ROLE_NAMES = f"names of custom roles that there are, with {BETWEEN} between them"
_COVERED = "a role that may do no more than you"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who is there. `custom` are ids of custom roles."""

    id: UUID
    email: str
    name: str
    role: str
    status: str
    department_id: UUID | None
    phone: str | None
    zone: str
    custom: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A custom role and what it gives."""

    id: UUID
    name: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class World:
    """What a file is compared with: the accounts of its addresses, every department and custom role, how many active
    administrators there are, and which time zones. `inviting`: new people are invited."""

    accounts: Mapping[str, Account]
    departments: Mapping[str, UUID]
    roles: Mapping[str, CustomRole]
    active_admins: int
    zones: Collection[str]
    inviting: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person as the file wants them: the fields that it changes. `account` is None for somebody new."""

    line: int
    email: str
    account: Account | None
    fields: Mapping[str, object] = field(default_factory=dict)
    give: tuple[UUID, ...] = ()
    take: tuple[UUID, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether they are added."""
        return self.account is None

    @property
    def changes(self) -> bool:
        """Whether anything becomes another."""
        return self.is_new or bool(self.fields or self.give or self.take)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a file would do, in the order of its lines, and what is wrong with it."""

    people: tuple[Wanted, ...]
    problems: tuple[Problem, ...]
    departments: Mapping[UUID, str]
    roles: Mapping[UUID, str]

    @property
    def new(self) -> tuple[Wanted, ...]:
        """Those who are added."""
        return tuple(each for each in self.people if each.is_new)

    @property
    def changed(self) -> tuple[Wanted, ...]:
        """Those who are there and become another."""
        return tuple(each for each in self.people if not each.is_new and each.changes)

    def words(self, wanted: Wanted) -> list[str]:
        """What becomes of a person, a change after the other."""
        said = []
        before = wanted.account
        for name, value in wanted.fields.items():
            label, now = _LABELS.get(name, name), self._word(name, value)
            if before is not None:
                was = self._word(name, getattr(before, _STORED.get(name, name)))
                said.append(f"{label}: {was or 'none'} → {now or 'none'}")
            elif now and name != "email":
                said.append(f"{label} {now}")
        said += [f"gets the role {self.roles[each]}" for each in wanted.give]
        said += [f"loses the role {self.roles[each]}" for each in wanted.take]
        return said

    def _word(self, name: str, value: object) -> str:
        if name == "department_id":
            return self.departments.get(value, "") if isinstance(value, UUID) else ""
        return str(value) if value is not None else ""


_STORED = {"timezone": "zone"}
_LABELS = {"department_id": "department", "timezone": "time zone"}


def make_plan(file: File, world: World, actor: Actor) -> Plan:
    """What the file would do in the name of `actor`, line by line."""
    maker = _Maker(world, actor)
    first: dict[str, int] = {}
    for line in file.lines:
        maker.line(line, first)
    if not file.problems:
        maker.keep_an_admin()
    names = {identity: name for name, identity in world.departments.items()}
    problems = sorted([*file.problems, *maker.problems], key=lambda each: each.line)
    roles = {each.id: each.name for each in world.roles.values()}
    return Plan(tuple(maker.people), tuple(problems), names, roles)


class _Cell(Exception):
    """What is wrong with the cell that is looked at."""

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.expected = expected


class _Maker:
    """Makes the plan; keeps what it found on the way."""

    def __init__(self, world: World, actor: Actor) -> None:
        self._world = world
        self._actor = actor
        self._covered: dict[tuple[str, frozenset[UUID]], str] = {}
        self._by_id = {each.id: each for each in world.roles.values()}
        self._departments = _by_name(world.departments)
        self._roles = _by_name(world.roles)
        self.people: list[Wanted] = []
        self.problems: list[Problem] = []

    def line(self, line: Line, first: dict[str, int]) -> None:
        """Take in one line. `first` is where each address stood first."""
        before = len(self.problems)
        email = self._cell(line, "email", lambda text: rules.normalise_email(text), "an address like ana@example.com")
        if not isinstance(email, str):
            return
        if email in first:
            self._wrong(line, "email", f"{email} stands in line {first[email]} already", "each address once")
            return
        first[email] = line.number
        account = self._world.accounts.get(email)
        fields = {} if account else {"email": email}
        for column, name in _FIELDS.items():
            if column in line.cells or account is None:
                value = self._field(line, column, account)
                if value is not _SAME:
                    fields[name] = value  # type: ignore[assignment]
        give, take = self._custom(line, account)
        wanted = Wanted(line.number, email, account, fields, give, take)
        self.people.append(wanted)
        if len(self.problems) == before and wanted.changes:
            self._may(line, wanted)

    def keep_an_admin(self) -> None:
        """Where no active administrator would be left, each line that takes one away is wrong."""
        going = [each for each in self.people if _was_admin(each) and not _is_admin(each)]
        coming = [each for each in self.people if not _was_admin(each) and _is_admin(each)]
        if going and self._world.active_admins - len(going) + len(coming) < 1:
            for each in going:
                column = "role" if "role" in each.fields else "status"
                message = "no active administrator would be left"
                self.problems.append(Problem(each.line, column, message, "one who stays"))

    # -- cells ---------------------------------------------------------------------------------------------------------

    def _cell(self, line: Line, column: str, make: Callable[[str], object], expected: str) -> object:
        """What a cell means; `_SAME` where that is not to be found out, and then it is a problem."""
        try:
            return make(line.cells.get(column, ""))
        except DataPulseError:
            text = line.cells.get(column, "").strip()
            self._wrong(line, column, f"{_shown(text)} cannot be used" if text else "it is empty", expected)
        except _Cell as wrong:
            self._wrong(line, column, str(wrong), wrong.expected)
        return _SAME

    def _wrong(self, line: Line, column: str, message: str, expected: str) -> None:
        self.problems.append(Problem(line.number, column, message, expected))

    def _field(self, line: Line, column: str, account: Account | None) -> object:
        """The value that a cell changes a field to; `_SAME` where it changes nothing."""
        cell = line.cells.get(column, "")
        if account is not None and (cell == self._as_text(column, account) or (not cell.strip() and column in _FILLED)):
            return _SAME
        makers: dict[str, tuple[Callable[[str], object], str]] = {
            "name": (rules.normalise_name, f"1 to {rules.NAME_LENGTH} characters on one line"),
            "role": (self._role, ", ".join(Role)),
            "department": (self._department, _NO_DEPARTMENT),
            "status": (lambda text: self._status(text, account), ""),
            "phone": (rules.normalise_phone, "a number like +43 1 234 56 78, or nothing"),
            "timezone": (self._zone, "a time zone like Europe/Vienna"),
        }
        make, expected = makers[column]
        value = self._cell(line, column, make, expected)
        if account is not None and value is not _SAME and value == getattr(account, _ATTRIBUTES.get(column, column)):
            return _SAME
        return value

    def _as_text(self, column: str, account: Account) -> str:
        if column == "department":
            return next((name for name, each in self._world.departments.items() if each == account.department_id), "")
        return str(getattr(account, _ATTRIBUTES.get(column, column)) or "")

    def _role(self, text: str) -> str:
        word = text.strip().lower() or Role.BUSINESS_USER.value
        if word not in tuple(Role):
            raise _Cell(f"{_shown(text)} is not a role", ", ".join(Role))
        return word

    def _zone(self, text: str) -> str:
        zone = text.strip() or "UTC"
        if zone not in self._world.zones:
            raise _Cell(f"{_shown(text)} is not a time zone", "one like Europe/Vienna")
        return zone

    def _department(self, text: str) -> UUID | None:
        if not text.strip():
            return None
        found = self._departments(text)
        if found is None:
            raise _Cell(f"there is no department {_shown(text)}", _NO_DEPARTMENT)
        return found

    def _status(self, text: str, account: Account | None) -> str:
        word = text.strip().lower()
        if account is None:
            if word not in ("", Status.PENDING):
                raise _Cell(f"somebody new cannot be {_shown(text)} yet", "pending, or nothing")
            return Status.PENDING.value
        if word not in tuple(Status):
            raise _Cell(f"{_shown(text)} is not a status", ", ".join(Status))
        if word == Status.PENDING:
            raise _Cell(
                f"an account that is {account.status} does not wait again", f"{Status.ACTIVE}, {Status.INACTIVE}"
            )
        return word

    def _custom(self, line: Line, account: Account | None) -> tuple[tuple[UUID, ...], tuple[UUID, ...]]:
        has = account.custom if account else frozenset()
        cell = line.cells.get("custom_roles")
        if cell is None or cell == join_names(self._names(has)):
            return (), ()
        wanted: dict[UUID, None] = {}
        for name in split_names(cell):
            found = self._roles(name)
            if found is None:
                self._wrong(line, "custom_roles", f"there is no custom role {_shown(name)}", _ROLE_NAMES)
                return (), ()
            wanted[found.id] = None
        give = tuple(each for each in wanted if each not in has)
        return give, tuple(sorted((each for each in has if each not in wanted), key=lambda each: self._name(each)))

    def _names(self, ids: Collection[UUID]) -> list[str]:
        names = [self._name(each) for each in ids]
        return sorted(names, key=lambda name: (name.lower(), name))

    def _name(self, role: UUID) -> str:
        return self._by_id[role].name if role in self._by_id else str(role)

    # -- rights --------------------------------------------------------------------------------------------------------

    def _may(self, line: Line, wanted: Wanted) -> None:
        """Nobody gives what they lack, nor changes somebody who may do more than they."""
        account, actor = wanted.account, self._actor
        for permission, column, what in self._needed(wanted):
            if not actor.can(permission):
                self._wrong(line, column, f"you may not {what}", f"the permission {permission}")
        if account is not None and account.id != actor.user_id:
            lacking = self._lacking(account.role, account.custom)
            if lacking:
                message = f"{account.name} may do what you may not ({lacking})"
                self._wrong(line, "email", message, "somebody who may do no more than you")
        if "role" in wanted.fields:
            lacking = self._lacking(str(wanted.fields["role"]), frozenset())
            if lacking:
                self._wrong(line, "role", f"this role may do what you may not ({lacking})", _COVERED)
        for each in wanted.give:
            lacking = next((word for word in sorted(self._by_id[each].permissions) if not actor.can(word)), "")
            if lacking:
                message = f"the role {self._name(each)} may do what you may not ({lacking})"
                self._wrong(line, "custom_roles", message, _COVERED)

    def _needed(self, wanted: Wanted) -> list[tuple[str, str, str]]:
        """Permission, column, and what it is needed for."""
        needed = []
        fields = wanted.fields
        if wanted.is_new:
            needed.append(("user:create", "email", "add people"))
            if self._world.inviting:
                needed.append(("user:activate", "email", "invite people"))
        else:
            if fields.keys() & {"name", "phone", "timezone", "department_id"}:
                needed.append(("user:update", "", "change other people's accounts"))
            if "role" in fields:
                needed.append(("user:set_role", "role", "give roles"))
            if fields.get("status") == Status.ACTIVE:
                needed.append(("user:activate", "status", "activate accounts"))
            if fields.get("status") == Status.INACTIVE:
                needed.append(("user:deactivate", "status", "deactivate accounts"))
        if wanted.give or wanted.take:
            needed.append(("role:assign", "custom_roles", "give custom roles or take them away"))
        return needed

    def _lacking(self, role: str, custom: frozenset[UUID]) -> str:
        """A permission of somebody with these roles that the actor lacks; empty when there is none."""
        if (role, custom) not in self._covered:
            given = [self._by_id[each].permissions for each in custom if each in self._by_id]
            may = rules.effective_permissions(role, given)
            self._covered[role, custom] = next((word for word in sorted(may) if not self._actor.can(word)), "")
        return self._covered[role, custom]


_SAME = object()
_FIELDS = {
    "name": "name",
    "role": "role",
    "department": "department_id",
    "status": "status",
    "phone": "phone",
    "timezone": "timezone",
}
_FILLED = ("name", "role", "status", "timezone")  # an empty cell leaves them as they are
_ATTRIBUTES = {"department": "department_id", "timezone": "zone"}


def _by_name(things: Mapping[str, T]) -> Callable[[str], T | None]:
    """Finds a thing by its name: as it is written, else in any case where that means one alone."""
    folded: dict[str, list[T]] = {}
    for name, thing in things.items():
        folded.setdefault(name.casefold(), []).append(thing)

    def find(name: str) -> T | None:
        exact = things.get(name) or things.get(name.strip())
        alike = folded.get(name.strip().casefold(), [])
        return exact or (alike[0] if len(alike) == 1 else None)

    return find


def _was_admin(wanted: Wanted) -> bool:
    account = wanted.account
    return account is not None and account.role == Role.ADMIN and account.status == Status.ACTIVE


def _is_admin(wanted: Wanted) -> bool:
    account = wanted.account
    role = wanted.fields.get("role", account.role if account else None)
    status = wanted.fields.get("status", account.status if account else None)
    return role == Role.ADMIN and status == Status.ACTIVE


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
