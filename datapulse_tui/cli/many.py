"""Acting on many things that are named on the command line: what they are called there, and what became of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.data.verbs import Refusal

NOT_ALL = 3  # something was done, and something not

Seen = Sequence[tuple[UUID, int]]
Name = UUID | int
Versions = Callable[["AsyncSession", "Actor", Sequence[Name]], Awaitable[Mapping[Name, tuple[UUID, int]]]]


class Became(Protocol):
    """What a service says of one thing."""

    @property
    def id(self) -> UUID: ...

    @property
    def done(self) -> bool: ...

    @property
    def message(self) -> str: ...


B = TypeVar("B", bound=Became)
Act = Callable[["AsyncSession", "Actor", Seen], Awaitable[Sequence[B]]]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one thing, as it was `given` on the command line."""

    given: str
    id: UUID | None
    title: str
    done: bool
    message: str


def act(
    noun: str,
    given: Sequence[str],
    verb: Act[B],
    *,
    versions: Versions,
    missing: Refusal,
    title: Callable[[B], str],
    as_json: bool,
) -> None:
    """Do something with the things that were named, as they are now, and print what became of each.

    Ends the command with 1 when nothing was done, and with NOT_ALL when something was not.
    """

    async def body(desk: Workspace) -> list[Done]:
        wanted = {text: name(noun, text) for text in dict.fromkeys(given)}
        async with desk.data.transaction() as session:
            known = await versions(session, desk.actor, list(wanted.values()))
            if len(wanted) == 1 and not known:
                raise missing.error(f"{missing.message[:1].upper()}{missing.message[1:]}.", hint=missing.hint)
            seen = list(dict.fromkeys(known.values()))
            outcomes = {each.id: each for each in await verb(session, desk.actor, seen)} if seen else {}
        found = []
        for text, key in wanted.items():
            outcome = outcomes[known[key][0]] if key in known else None
            found.append(
                Done(text, outcome.id, title(outcome), outcome.done, outcome.message)
                if outcome
                else Done(text, None, "", done=False, message=missing.message)
            )
        return found

    report(noun, context.run(body), as_json=as_json)


def report(noun: str, done: Sequence[Done], *, as_json: bool) -> None:
    """Print what became of each, and end the command with the code for it."""
    if as_json:
        output.emit_json(
            [
                {noun: each.given, "id": each.id, "title": each.title, "done": each.done, "message": each.message}
                for each in done
            ]
        )
    else:
        for each in done:
            typer.echo(f"{clean(each.title or each.given)}: {'' if each.done else 'not done, '}{clean(each.message)}")
    failed = sum(not each.done for each in done)
    if failed:
        raise typer.Exit(context.FAILED if failed == len(done) else NOT_ALL)


def name(noun: str, text: str) -> UUID | int:
    """A thing as people name it: by number or id. Raises Invalid."""
    word = text.strip().removeprefix("#")
    if word.isascii() and word.isdigit() and int(word) < 2**63:
        return int(word)
    try:
        return UUID(word)
    except ValueError:
        article = "an" if noun[0] in "aeiou" else "a"
        raise Invalid(
            f"{text!r} is neither the number nor the id of {article} {noun}.", hint="Write 12 or '#12'."
        ) from None
