"""`datapulse role`: what people may do, and through which role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output, people_named
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.many import Outcome
    from datapulse_tui.people.role_reads import Holder, RoleRow, RoleView

    Many = Callable[[AsyncSession, Actor, Sequence[UUID], UUID], Awaitable[Sequence[Outcome]]]

app = context.noun("Roles: list, show, make, change, delete, give, take; who has them, and what there is to give.")

PAGE = 500

Name = Annotated[str, typer.Argument(metavar="ROLE", help="The role's name.")]
Emails = Annotated[list[str], typer.Argument(metavar="EMAIL...", help="The people's addresses.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Words = Annotated[
    list[str] | None, typer.Option("--permission", "-p", metavar="WORD", help="What it lets people do; repeat it.")
]


@app.command("list")
def list_(
    text: Annotated[str, typer.Argument(help="A part of a custom role's name or description.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the built-in roles and the custom ones."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.page import every
        from datapulse_tui.people import role_reads as reads

        async with desk.data.reading() as session:
            built_in = () if text else await reads.built_in_roles(session, desk.actor)
            custom = await every(
                lambda after: reads.custom_roles(session, desk.actor, text=text, after=after, limit=PAGE)
            )
        rows = [*built_in, *custom]
        if as_json:
            output.emit_json([{**output.plain(row), "built_in": row.id is None} for row in rows])
            return
        output.emit_table(
            ("role", "kind", "permissions", "people", "description"),
            [
                (row.name, "custom" if row.id else "built-in", len(row.permissions), row.holders, row.description)
                for row in rows
            ],
        )

    context.run(body)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a role with everything that it lets people do."""

    async def body(desk: Workspace) -> RoleView:
        from datapulse_tui.people import role_reads as reads

        async with desk.data.reading() as session:
            return await reads.get_role(session, desk.actor, name)

    view = context.run(body)
    if as_json:
        output.emit_json(view)
        return
    row = view.row
    typer.echo(f"{clean(row.name)}, {'a custom role' if row.id else 'a built-in role'}, {_people(row.holders)}")
    if row.description:
        typer.echo(clean(row.description))
    if view.changed_by and row.version:
        typer.echo(f"changed last by {clean(view.changed_by)}, {output.cell(row.version)}")
    typer.echo("It lets a person" if view.permissions else "It lets nobody do anything more.")
    if view.permissions:
        output.emit_table(("permission", "..."), [(each.word, each.explanation) for each in view.permissions])
    if view.unknown:
        typer.echo(f"Words that are no permissions and give nothing: {clean(', '.join(view.unknown))}")


@app.command()
def create(
    name: Name,
    permission: Words = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a custom role. Nobody has it yet: see `datapulse role give`."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import roles

        async with desk.data.transaction() as session:
            role_id = await roles.create(
                session, desk.actor, name=name, permissions=permission or [], description=description
            )
        if as_json:
            output.emit_json({"id": role_id, "name": name.strip()})
        else:
            typer.echo(f"Made the role {clean(name.strip())}.")

    context.run(body)


@app.command()
def update(
    name: Name,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    permission: Words = None,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="WORD", help="Put this in as well.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="WORD", help="Take this out.")] = None,
) -> None:
    """Change a custom role; who has it has the new permissions at once. -p in place of all, --add and --remove some."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import role_reads as reads
        from datapulse_tui.people import role_rules, roles

        if permission and (add or remove):
            raise Invalid("Either -p, or --add and --remove. Nothing was changed.")
        if not any((permission, add, remove)) and rename is None and description is None:
            raise Invalid("There is nothing to change.", hint="See: datapulse role update --help")
        async with desk.data.transaction() as session:
            row = (await reads.get_role(session, desk.actor, name)).row
            role_id = _custom(row)
            words = permission
            if add or remove:
                out = set(role_rules.checked_permissions(remove or []))
                words = [*(row.permissions - out), *role_rules.checked_permissions(add or [])]
            await roles.update(
                session,
                desk.actor,
                role_id,
                name=rename,
                description=description,
                permissions=words,
                seen=row.version,
            )
        typer.echo(f"Changed the role {clean(rename or row.name)}; {_people(row.holders)}.")

    context.run(body)


@app.command()
def delete(
    name: Name,
    take_away: Annotated[
        bool, typer.Option("--take-away", help="Take it away from everybody who has it, whoever that is.")
    ] = False,
) -> None:
    """Delete a custom role. Refused while somebody has it, unless --take-away says that they are to lose it."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import role_reads as reads
        from datapulse_tui.people import roles

        async with desk.data.transaction() as session:
            row = (await reads.get_role(session, desk.actor, name)).row
            role_id = _custom(row)
            lost = await roles.delete(
                session, desk.actor, role_id, seen=row.version, take_from=row.holders if take_away else None
            )
        from_whom = f" It was taken away from {lost:,}." if lost else ""
        typer.echo(f"Deleted the role {clean(row.name)}.{from_whom}")

    context.run(body)


@app.command()
def give(name: Name, emails: Emails, as_json: AsJson = False) -> None:
    """Give people a custom role as well; what became of each is printed."""
    from datapulse_tui.people import roles

    people_named.act(
        emails,
        lambda session, actor, ids: _act(session, actor, name, roles.give_many, ids),
        as_json=as_json,
    )


@app.command()
def take(name: Name, emails: Emails, as_json: AsJson = False) -> None:
    """Take a custom role away from people; what became of each is printed."""
    from datapulse_tui.people import roles

    people_named.act(
        emails,
        lambda session, actor, ids: _act(session, actor, name, roles.take_many, ids),
        as_json=as_json,
    )


@app.command()
def holders(name: Name, as_json: AsJson = False) -> None:
    """List who has a role, with who gave them a custom one and when."""

    async def body(desk: Workspace) -> list[Holder]:
        from datapulse_tui.data.page import every
        from datapulse_tui.people import role_reads as reads

        async with desk.data.reading() as session:
            row = (await reads.get_role(session, desk.actor, name)).row
            role = row.id or row.name
            return await every(lambda after: reads.holders(session, desk.actor, role, after=after, limit=PAGE))

    found = context.run(body)
    if as_json:
        output.emit_json(found)
        return
    output.emit_table(
        ("email", "name", "built-in role", "status", "given by", "given"),
        [(each.email, each.name, each.role, each.status, each.given_by, each.given_at) for each in found],
    )


@app.command()
def permissions(
    text: Annotated[str, typer.Argument(help="Words that stand in the permission or its explanation.")] = "",
    as_json: AsJson = False,
) -> None:
    """List what there is to put into a role, and the first built-in role that comes with it."""
    from datapulse_tui.people.role_rules import listed

    found = listed(text=text)
    if as_json:
        output.emit_json([{"permission": p.word, "explanation": p.explanation, "role": p.first} for p in found])
    else:
        output.emit_table(
            ("permission", "comes with", "lets a person ..."), [(p.word, p.first, p.explanation) for p in found]
        )


async def _act(session: AsyncSession, actor: Actor, name: str, verb: Many, ids: Sequence[UUID]) -> Sequence[Outcome]:
    """A verb of `people.roles` with the custom role of that name."""
    from datapulse_tui.people import role_reads as reads

    row = (await reads.get_role(session, actor, name)).row
    return await verb(session, actor, ids, _custom(row))


def _custom(row: RoleRow) -> UUID:
    """The id of a custom role. Raises Invalid for a built-in one."""
    if row.id is None:
        raise Invalid(
            f"{row.name} is a built-in role: it stays as it is, and everybody has exactly one. Nothing was changed.",
            hint="`datapulse user set-role` gives it to a person.",
        )
    return row.id


def _people(number: int) -> str:
    """How many people have a role."""
    return {0: "nobody has it", 1: "one person has it"}.get(number, f"{number:,} people have it")
