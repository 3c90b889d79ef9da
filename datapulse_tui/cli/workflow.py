"""`datapulse workflow`: requests and approvals without a screen. Requests are named by their number or id, as many as
you like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from datapulse_tui.cli import context, many, output, workflow_deciding, workflow_delegation, workflow_text
from datapulse_tui.cli.workflow_acting import NOUN, AsJson, Comment, Request, Requests, act_on, said
from datapulse_tui.errors import DataPulseError, Invalid

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.cli.many import Seen
    from datapulse_tui.workflows.types.base import RequestType
    from datapulse_tui.workflows.views import Outcome

app = context.noun("Approvals: make requests, list, show and decide them, name substitutes.")
app.add_typer(workflow_delegation.app, name="delegation")

Fields = Annotated[
    list[str] | None,
    typer.Option("--field", "-f", metavar="NAME=VALUE", help="A field; `datapulse workflow types TYPE` lists them."),
]

Urgency = Literal["low", "normal", "high", "critical"]
Lists = Literal["for-me", "mine", "decided", "all"]


# -- looking -----------------------------------------------------------------------------------------------------------


@app.command()
def types(
    name: Annotated[str, typer.Argument(metavar="[TYPE]", help="Show the fields of this one.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the types of request, or the fields of one."""
    from datapulse_tui.workflows.types import registry

    try:
        kinds = [registry.type_of(name)] if name else list(registry.TYPES.values())
    except DataPulseError as error:
        context.fail(error)
    if as_json:
        described = [workflow_text.plain_type(kind) for kind in kinds]
        output.emit_json(described[0] if name else described)
    elif name:
        workflow_text.print_type(kinds[0])
    else:
        output.emit_table(
            ("type", "title", "approvals", "what it is for"),
            [(kind.name, kind.title, kind.quorum, kind.explanation) for kind in kinds],
        )


# A word with a minus in front is a part of the filter.
@app.command("list", context_settings={"ignore_unknown_options": True})
def list_(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[FILTER]...", help="As in the queue: type:role_grant late:yes")
    ] = None,
    scope: Annotated[
        Lists | None,
        typer.Option(help="Which list. Default: what waits for you; all, where you act for nobody."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 200,
    as_json: AsJson = False,
) -> None:
    """List requests, those with the least time left first; those that are open, unless the filter names a state."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.workflows.reads.queue import list_requests
        from datapulse_tui.workflows.rules import Scope

        unknown = next((word for word in words or () if word.startswith("--")), None)
        if unknown:
            raise Invalid(f"There is no option {unknown}.", hint="`datapulse workflow list --help` shows them.")
        wanted = Scope((scope or ("all" if desk.actor.user_id is None else "for-me")).replace("-", "_"))
        async with desk.data.reading() as session:
            page = await list_requests(session, desk.actor, scope=wanted, filter=" ".join(words or ()), limit=limit)
        if as_json:
            output.emit_json(page.items)
            return
        workflow_text.print_requests(page.items, datetime.now(UTC))
        if page.next is not None:
            typer.echo(f"There are more than {limit}: --limit shows more of them, a filter fewer.", err=True)

    context.run(body)


@app.command()
def show(request: Request, as_json: AsJson = False) -> None:
    """Show a request: what it asks for, what an approval does, whom it waits for, and what happened to it."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.workflows.reads.detail import get_request

        async with desk.data.reading() as session:
            view = await get_request(session, desk.actor, many.name(NOUN, request))
        if as_json:
            output.emit_json(view)
        else:
            workflow_text.print_request(view, datetime.now(UTC))

    context.run(body)


# -- asking ------------------------------------------------------------------------------------------------------------


@app.command()
def request(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="See `datapulse workflow types`.")],
    fields: Fields = None,
    priority: Annotated[Urgency | None, typer.Option(help="How pressing it is; each type has its own default.")] = None,
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Make a request."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.workflows.reads.detail import get_request
        from datapulse_tui.workflows.rules import Priority
        from datapulse_tui.workflows.service import requests
        from datapulse_tui.workflows.types import registry

        filled_in = _checked(registry.type_of(type_), _pairs(fields or ()))
        urgency = Priority(priority) if priority else None
        async with desk.data.transaction() as session:
            made = await requests.create(session, desk.actor, type_, filled_in, urgency, comment)
            view = await get_request(session, desk.actor, made)
        if as_json:
            output.emit_json(view)
            return
        row = view.row
        typer.echo(f"{workflow_text.name(row.number, row.subject)}: requested; waits for {output.cell(view.waits_for)}")

    context.run(body)


@app.command()
def edit(request: Request, fields: Fields = None, as_json: AsJson = False) -> None:
    """Change fields of your own request; votes on what it was are void."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.reads.detail import get_request
        from datapulse_tui.workflows.service import requests
        from datapulse_tui.workflows.types import registry

        ((key, version),) = seen
        view = await get_request(session, actor, key)
        kept: Any = view.details.get("fields", {})
        filled_in = _checked(registry.type_of(view.row.type), {**kept, **_pairs(fields or ())})
        await requests.edit(session, actor, key, version, filled_in)
        return await said(session, actor, key, "changed")

    act_on([request], act, as_json=as_json)


@app.command()
def give(
    request: Request,
    answer: Annotated[str, typer.Option("--answer", "-m", metavar="TEXT", help="What was asked for.")],
    as_json: AsJson = False,
) -> None:
    """Answer what was asked about your own request; it goes back to those who decide."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import requests

        ((key, _),) = seen
        await requests.give_information(session, actor, key, answer)
        return await said(session, actor, key, "answered")

    act_on([request], act, as_json=as_json)


@app.command()
def withdraw(requests: Requests, comment: Comment = "", as_json: AsJson = False) -> None:
    """Take back your own requests, for good."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import requests as service

        return await service.withdraw(session, actor, seen, comment)

    act_on(requests, act, as_json=as_json)


@app.command("comment")
def comment_(
    requests: Requests,
    text: Annotated[str, typer.Option("--text", "-m", metavar="TEXT", help="The comment.")],
    as_json: AsJson = False,
) -> None:
    """Write into the histories of requests."""

    async def act(session: AsyncSession, actor: Actor, seen: Seen) -> tuple[Outcome, ...]:
        from datapulse_tui.workflows.service import requests as service

        return await service.comment(session, actor, seen, text)

    act_on(requests, act, as_json=as_json)


for verb in workflow_deciding.VERBS:
    app.command()(verb)


# -- parts -------------------------------------------------------------------------------------------------------------


def _pairs(given: Sequence[str]) -> dict[str, str]:
    """The fields of `--field NAME=VALUE`. Raises Invalid."""
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise Invalid(f"{each!r} is no field.", hint="Write --field NAME=VALUE.")
        if name.strip() in found:
            raise Invalid(f"The field {name.strip()!r} is given twice.", hint="Give it once.")
        found[name.strip()] = value
    return found


def _checked(kind: RequestType[Any], fields: Mapping[str, str]) -> Mapping[str, str]:
    """`fields`, which the type's form takes. Raises Invalid that names the wrong ones, and all as they are written
    here: forms call them by titles."""
    try:
        kind.parse(fields)
    except Invalid as error:
        names = ", ".join(f"{each.name} ({each.title})" for each in kind.fields())
        raise Invalid(
            error.message, hint=f"The fields are {names}; `datapulse workflow types {kind.name}` says what they take."
        ) from None
    return fields
