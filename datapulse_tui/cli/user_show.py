"""The commands of `datapulse user` that list people, show one, and change one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datapulse_tui.charts.cells import clean
from datapulse_tui.cli import context, output
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.cli.context import Workspace
    from datapulse_tui.people.views import PersonDetail, PersonRow

PAGE = 1_000
NO_DEPARTMENT = "none"

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FILTER_HELP = (
    "Words of the name or address, and role: status: (active, inactive, pending, locked, invited) dept: custom: "
    "seen:30d unseen:90d, each with a minus in front for the others. Put -- before a filter that begins with a minus."
)


def attach(app: typer.Typer) -> None:
    """Add the commands to the noun `user`."""
    app.command("list")(list_people)
    app.command("show")(show)
    app.command("update")(update)


def list_people(
    filter_: Annotated[str, typer.Argument(metavar="[FILTER]", help=FILTER_HELP)] = "",
    role: Annotated[str | None, typer.Option("--role", help="Only this role.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only this status.")] = None,
    order: Annotated[str, typer.Option("--order", help="email, name, seen or created.")] = "email",
    as_json: AsJson = False,
) -> None:
    """List people: those that a filter asks for, by address."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.data.page import every
        from datapulse_tui.people.filters import words_of
        from datapulse_tui.people.listing import ORDERS, list_people

        wanted = f"{filter_} {words_of(role=role, status=status)}".strip()
        by = next((each for each in ORDERS if each == order), None)
        if by is None:
            raise Invalid(f"There is no order {order!r}.", hint=f"The orders are {', '.join(ORDERS)}.")
        async with desk.data.reading() as session:
            people = await every(
                lambda after: list_people(session, desk.actor, filter=wanted, order=by, after=after, limit=PAGE)
            )
        if as_json:
            output.emit_json(people)
            return
        output.emit_table(
            ("email", "name", "role", "status", "department", "custom roles", "password", "last sign-in"),
            (
                (one.email, one.name, one.role, _status(one), one.department, ", ".join(one.custom_roles),
                 one.has_password, one.last_login)
                for one in people
            ),
        )  # fmt: skip

    context.run(body)


def _status(row: PersonRow) -> str:
    more = [word for word, until in (("locked", row.locked_until), ("invited", row.invited_until)) if until]
    return ", ".join([row.status, *more])


def show(email: Email, as_json: AsJson = False) -> None:
    """Show everything about a person: account, profile, roles, sessions, keys, what they have, what happened."""

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people.detail import get_person

        async with desk.data.reading() as session:
            found = await get_person(session, desk.actor, email)
        if as_json:
            output.emit_json(found)
        else:
            _tell(found)

    context.run(body)


def _tell(found: PersonDetail) -> None:
    row = found.row
    typer.echo(f"{clean(row.name)} <{clean(row.email)}>")
    facts: list[tuple[str, object]] = [
        ("role", row.role),
        ("custom roles", ", ".join(row.custom_roles)),
        ("status", _status(row)),
        ("locked until", row.locked_until),
        ("invited until", row.invited_until),
        ("deactivated", found.deactivated_at if row.status == "inactive" else None),
        ("department", row.department),
        ("time zone", row.zone),
        ("phone for SMS", row.phone),
        ("phone shown", found.shown_phone),
        ("avatar", found.avatar),
        ("bio", found.bio),
        ("password", _password(found)),
        ("last sign-in", row.last_login or "never"),
        ("added", row.created_at),
        ("keys", f"{found.keys} API, {found.ssh_keys} SSH"),
    ]
    for label, value in facts:
        if value:
            typer.echo(f"  {label:15}{output.cell(value)}")
    _section("sessions", [f"{s.kind} {s.ip_address} since {output.cell(s.started_at)}" for s in found.sessions])
    _section("has", [f"{each.kind}: {each.title} {each.note}" for each in found.belongings])
    _section("happened", [f"{output.cell(r.at)}  {r.action}  by {r.who or row.name}" for r in found.records])


def _password(found: PersonDetail) -> str:
    if not found.row.has_password:
        return "none yet"
    changed = f", changed {output.cell(found.password_changed_at)}" if found.password_changed_at else ""
    return f"set{changed}" + (", has to be changed" if found.must_change_password else "")


def _section(title: str, lines: list[str]) -> None:
    if lines:
        typer.echo(f"  {title}")
        for line in lines:
            typer.echo(f"    {clean(line).rstrip()}")


def update(
    email: Email,
    name: Annotated[str | None, typer.Option("--name", help="The new name.")] = None,
    new_email: Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="The new address.")] = None,
    role: Annotated[str | None, typer.Option("--role", help="business_user, analyst, ops_manager or admin.")] = None,
    department: Annotated[
        str | None, typer.Option("--department", metavar="NAME", help=f"The department; {NO_DEPARTMENT} for none.")
    ] = None,
    phone: Annotated[str | None, typer.Option("--phone", help="Where SMS go; empty takes it away.")] = None,
    time_zone: Annotated[str | None, typer.Option("--time-zone", help="IANA name such as Europe/Vienna.")] = None,
    avatar: Annotated[str | None, typer.Option("--picture", help="Its path or address; empty takes it away.")] = None,
    bio: Annotated[str | None, typer.Option("--about", help="What others read of them; empty takes it away.")] = None,
) -> None:
    """Change a person's account and profile; what is not named stays."""
    given = {
        "name": name,
        "email": new_email,
        "role": role,
        "phone": phone,
        "timezone": time_zone,
        "avatar": avatar,
        "bio": bio,
    }
    changes: dict[str, object] = {field: value for field, value in given.items() if value is not None}

    async def body(desk: Workspace) -> None:
        from datapulse_tui.people.department_reads import get_department
        from datapulse_tui.people.editing import update
        from datapulse_tui.people.reads import get_user

        if not changes and department is None:
            raise Invalid("There is nothing to change.", hint="See: datapulse user update --help")
        async with desk.data.transaction() as session:
            person = await get_user(session, desk.actor, email)
            if department == NO_DEPARTMENT:
                changes["department_id"] = None
            elif department is not None:
                changes["department_id"] = (await get_department(session, desk.actor, department)).row.id
            changed = await update(session, desk.actor, person.id, None, changes)
            now = await get_user(session, desk.actor, person.id)
        said = "changed" if changed else "it is so already, nothing was changed"
        typer.echo(f"{clean(now.name)} <{clean(now.email)}>: {said}.")

    context.run(body)
