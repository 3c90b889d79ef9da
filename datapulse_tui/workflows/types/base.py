"""What a type of request is: its form, who decides, and what an approval does.

A further type is one more module in this package with a `TYPE` in it. Its audience must be people to whom the effect
could be left: it runs with every right, because it was approved.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar, get_args
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from datapulse_tui.audit.clean import clean_text
from datapulse_tui.errors import Invalid
from datapulse_tui.workflows.rules import Priority

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor

_KINDS = {int: "number", float: "number", date: "date", datetime: "moment", timedelta: "duration"}  # of FormField
LONGEST_SUBJECT = 500
LONGEST_LINE = 300
LONGEST_TEXT = 10_000
FIELDS = "fields"  # of details: what was filled in, so that the form can be opened again
REFUSED = "refused"  # of details: ids of people whom the request is about, who decide it no more than the requester

Details = Mapping[str, Any]


def _storable(value: object) -> object:
    return clean_text(value) if isinstance(value, str) else value


def _on_one_line(value: str) -> str:
    return " ".join(value.split())


Line = Annotated[str, Field(max_length=LONGEST_LINE), BeforeValidator(_storable), AfterValidator(_on_one_line)]
Long = Annotated[str, Field(max_length=LONGEST_TEXT), BeforeValidator(_storable)]


class Form(BaseModel):
    """What a requester fills in; every field is text, and hostile.

    A field's title, description and `json_schema_extra` make the terminal form and the command line: `choices` names
    what choices.py lists ("people", "roles", ...), `long` asks for several lines.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form. `options` are the only values it takes (none: any), `choices` what choices.py lists; `kind`
    says what is written: text, a number, a date, a moment or a duration."""

    name: str
    title: str
    description: str
    required: bool
    default: str
    options: tuple[str, ...]
    choices: str
    long: bool
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may decide: a reader must have one of `words` (`user:UUID`, `role:NAME` of a built-in role,
    `permission:WORD`, `head:UUID` of a department). `in_words` says it to people."""

    words: tuple[str, ...]
    in_words: str


ADMINS = Audience(("role:admin",), "an administrator")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a request is made of. `fallback` decides as well when it is late. `details` are JSON with FIELDS and
    REFUSED in them."""

    subject: str
    details: dict[str, Any]
    audience: Audience
    fallback: Audience
    quorum: int = 1
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Approved:
    """A request whose effect is to be carried out; `approver` is who decided, `requester` who asked."""

    id: UUID
    number: int
    type: str
    subject: str
    details: Details
    requester_id: UUID
    requester: str
    approver_id: UUID
    approver: str


F = TypeVar("F", bound=Form)


class RequestType(ABC, Generic[F]):
    """A type of request. `priority` and `quorum` are what a request has unless `prepare` says otherwise."""

    name: ClassVar[str]
    title: ClassVar[str]
    explanation: ClassVar[str]
    form: type[F]
    quorum: ClassVar[int] = 1
    priority: ClassVar[Priority] = Priority.NORMAL
    has_effect: ClassVar[bool] = True

    def parse(self, fields: Mapping[str, object]) -> F:
        """The form from what was filled in. Raises Invalid that names each wrong field."""
        try:
            return self.form.model_validate(dict(fields))
        except ValidationError as error:
            raise self._invalid(error) from None

    def problems(self, fields: Mapping[str, object]) -> dict[str, str]:
        """What is wrong with each field, by its name; with the form as a whole under an empty one."""
        try:
            self.form.model_validate(dict(fields))
        except ValidationError as error:
            return dict(_problems(error))
        return {}

    def fields(self) -> tuple[FormField, ...]:
        """The form's fields in their order."""
        return tuple(_form_field(name, info) for name, info in self.form.model_fields.items())

    def refused(self, details: Details) -> frozenset[UUID]:
        """People who may not decide a request with these details, nor stand in for who may: it is about them."""
        return frozenset(UUID(each) for each in details.get(REFUSED, ()))

    @abstractmethod
    async def prepare(self, session: AsyncSession, actor: Actor, form: F) -> Prepared:
        """The request that `actor` makes with `form`. Raises Invalid where it would change nothing or cannot be done,
        NotFound, NotAllowed."""

    @abstractmethod
    def values(self, details: Details) -> tuple[tuple[str, str], ...]:
        """The fields in words: (label, value)."""

    def effect_text(self, details: Details) -> str:  # noqa: ARG002
        """What an approval does ("Ana gets edit on Orders"); empty for a type without effect."""
        return ""

    async def still_makes_sense(self, session: AsyncSession, details: Details) -> str:  # noqa: ARG002
        """Why it can no longer be carried out; empty when it can."""
        return ""

    async def carry_out(self, session: AsyncSession, authority: Actor, request: Approved) -> str:
        """Do what was approved, in the caller's transaction; returns what was done in words.

        Doing it twice is doing it once. A Conflict or Unavailable is tried again, as is whatever is no DataPulseError;
        every other DataPulseError stands as the reason why it was not done.
        """
        raise NotImplementedError

    def prepared(
        self,
        form: F,
        subject: str,
        audience: Audience,
        /,
        *,
        fallback: Audience = ADMINS,
        about: tuple[UUID, ...] = (),
        **details: object,
    ) -> Prepared:
        """A Prepared with this type's quorum and priority; `about` are those who may not decide it."""
        from datapulse_tui.audit.clean import clean
        from datapulse_tui.notify.templates import inert

        kept = {name: clean(value) for name, value in details.items()}
        kept |= {FIELDS: form.model_dump(mode="json"), REFUSED: [str(each) for each in about]}
        return Prepared(inert(subject, LONGEST_SUBJECT), kept, audience, fallback, self.quorum, self.priority)

    def _invalid(self, error: ValidationError) -> Invalid:
        titles = {each.name: each.title for each in self.fields()}
        problems = [
            f"{titles.get(name, repr(name))}: {message}" if name else message for name, message in _problems(error)
        ]
        return Invalid(
            f"This request cannot be made: {'; '.join(problems)}. Nothing was changed.",
            hint=f"The fields are {', '.join(titles)}.",
        )


@dataclass(frozen=True, slots=True)
class Ref:
    """Something that details name: its id, and its name as it was then."""

    id: UUID
    name: str
    more: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, str]:
        """As it is kept in details."""
        return {**self.more, "id": str(self.id), "name": self.name}

    @classmethod
    def of(cls, details: Details, key: str) -> Ref:
        """What `json` kept under `key`."""
        kept = dict(details[key])
        return cls(UUID(kept.pop("id")), kept.pop("name"), kept)


def _problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    """The names of wrong fields (empty for the form as a whole), each with what is wrong."""
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "there is no such field"
        elif problem["type"] in ("missing", "string_too_short"):
            message = "it is needed"
        yield str(problem["loc"][0])[:40] if problem["loc"] else "", message


def _form_field(name: str, info: Any) -> FormField:
    extra: Mapping[str, Any] = info.json_schema_extra or {}
    options = tuple(str(each) for each in get_args(info.annotation) if isinstance(each, str))
    default = "" if info.is_required() else str(info.default)
    return FormField(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        description=info.description or "",
        required=info.is_required(),
        default=default,
        options=options,
        choices=str(extra.get("choices", "")),
        long=bool(extra.get("long", False)),
        kind=next(
            (kind for type_, kind in _KINDS.items() if type_ in (info.annotation, *get_args(info.annotation))), "text"
        ),
    )
