"""`datapulse department`: the parts of the organisation, who leads them, and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output, people_named
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.people.department_reads import DepartmentView, Member
    from datapulse_tui.people.many import Outcome

app = context.noun("Departments: list, show, make, change, delete, move people.")

PAGE = 500

Name = Annotated[str, typer.Argument(metavar="DEPARTMENT", help="The department's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Head = Annotated[str | None, typer.Option("--head", metavar="EMAIL", help="Who leads it; empty takes the head away.")]


@app.command("list")
def list_(
    text: Annotated[str, typer.Argument(help="A part of the name, the description or the head's name.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the departments by name."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.page import every
        from datapulse_tui.people import department_reads as reads

        async with desk.data.reading() as session:
            rows = await every(
                lambda after: reads.list_departments(session, desk.actor, text=text, after=after, limit=PAGE)
            )
        if as_json:
            output.emit_json(rows)
            return
        output.emit_table(
            ("department", "head", "people", "description"),
            [(row.name, row.head, row.members, row.description) for row in rows],
        )

    context.run(body)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a department and who is in it."""

    async def body(desk: Workspace) -> tuple[DepartmentView, list[Member]]:
        from datapulse_tui.data.page import every
        from datapulse_tui.people import department_reads as reads

        async with desk.data.reading() as session:
            view = await reads.get_department(session, desk.actor, name)
            people = await every(lambda after: reads.members(session, desk.actor, view.row.id, after=after, limit=PAGE))
        return view, people

    view, people = context.run(body)
    if as_json:
        output.emit_json({**output.plain(view), "members": people})
        return
    row = view.row
    head = f"led by {clean(row.head)} <{clean(row.head_email)}>" if row.head_id else "led by nobody"
    away = " (deactivated)" if row.head_status == "inactive" else ""
    typer.echo(f"{clean(row.name)}, {head}{away}, {len(people):,} people")
    if row.description:
        typer.echo(clean(row.description))
    if people:
        output.emit_table(
            ("name", "email", "role", "status"), [(each.name, each.email, each.role, each.status) for each in people]
        )


@app.command()
def create(
    name: Name,
    description: Annotated[str, typer.Option("--description", help="What it does.")] = "",
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Make a department. Nobody is in it yet: see `datapulse department move`."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import departments

        async with desk.data.transaction() as session:
            head_id = await _person(session, desk.actor, head) if head else None
            made = await departments.create(session, desk.actor, name=name, description=description, head_id=head_id)
        if as_json:
            output.emit_json({"id": made, "name": name.strip()})
        else:
            typer.echo(f"Made the department {clean(name.strip())}.")

    context.run(body)


@app.command()
def update(
    name: Name,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it does.")] = None,
    head: Head = None,
) -> None:
    """Rename or describe a department, or say who leads it; what is not named stays."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import department_reads as reads
        from datapulse_tui.people import departments

        if rename is None and description is None and head is None:
            raise Invalid("There is nothing to change.", hint="See: datapulse department update --help")
        async with desk.data.transaction() as session:
            row = (await reads.get_department(session, desk.actor, name)).row
            version = await departments.update(
                session, desk.actor, row.id, name=rename, description=description, seen=row.version
            )
            if head is not None:
                head_id = await _person(session, desk.actor, head) if head else None
                await departments.set_head(session, desk.actor, row.id, head_id, seen=version)
        typer.echo(f"Changed the department {clean((rename or name).strip())}.")

    context.run(body)


@app.command()
def delete(name: Name) -> None:
    """Delete a department; those who were in it are in none then."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people import department_reads as reads
        from datapulse_tui.people import departments

        async with desk.data.transaction() as session:
            row = (await reads.get_department(session, desk.actor, name)).row
            left = await departments.delete(session, desk.actor, row.id, seen=row.version)
        were = "nobody was" if not left else "one person was" if left == 1 else f"{left:,} people were"
        typer.echo(f"Deleted the department {clean(row.name)}; {were} in it.")

    context.run(body)


@app.command()
def move(
    emails: Annotated[list[str], typer.Argument(metavar="EMAIL...", help="The people's addresses.")],
    to: Annotated[str, typer.Option("--to", metavar="DEPARTMENT", help="Where to; empty takes them out of theirs.")],
    as_json: AsJson = False,
) -> None:
    """Put people into a department, out of the one in which they were; what became of each is printed."""

    async def verb(session: AsyncSession, actor: Actor, ids: Sequence[UUID]) -> Sequence[Outcome]:
        from datapulse_tui.people import department_reads as reads
        from datapulse_tui.people import departments

        target = (await reads.get_department(session, actor, to)).row.id if to else None
        return await departments.move(session, actor, ids, target)

    people_named.act(emails, verb, as_json=as_json)


async def _person(reader: Reader, actor: Actor, email: str) -> UUID:
    """Who has that address. Raises NotFound."""
    from datapulse_tui.people.many import MISSING
    from datapulse_tui.people.role_reads import people_called

    found = await people_called(reader, actor, [email])
    if email not in found:
        raise MISSING.error("There is no such person. Nothing was changed.", hint=MISSING.hint)
    return found[email].id
