"""People as CSV: what `importing` reads, without passwords, codes and keys. That it was taken out is recorded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from datapulse_tui.audit.service import record
from datapulse_tui.errors import Invalid
from datapulse_tui.people.csv_cells import COLUMNS, join_names, line_of
from datapulse_tui.people.listing import LARGEST_PAGE, list_people

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.database import Database
    from datapulse_tui.people.views import PersonRow


async def export(data: Database, actor: Actor, write: Callable[[str], object], *, filter: str = "") -> int:
    """Give `write` the header, then a line for each person that `filter` asks for, by address, each with its end
    (CR LF); how many people there are.

    The trail says who took out how many of whom (`user.exported`), never what stands in it. Whoever calls lets nothing
    of it out of the house before this has returned: when it raises, nothing may be recorded. Raises NotAllowed without
    `user:view`, InvalidFilter, and what `Database.transaction` raises.
    """
    number = 0
    async with data.transaction() as session:
        after: str | None = None
        first = True
        while first or after is not None:
            page = await list_people(session, actor, filter=filter, order="email", after=after, limit=LARGEST_PAGE)
            write("".join([*([line_of(COLUMNS)] if first else []), *(line_of(cells(row)) for row in page.items)]))
            number += len(page.items)
            after, first = page.next, False
        await record(session, actor, "user.exported", "user", None, note={"filter": filter, "people": number})
    return number


async def export_file(data: Database, actor: Actor, path: Path, *, filter: str = "") -> int:
    """Write an export to a file that its owner alone may read, and return how many people are in it.

    What was at `path` stays until all of it is there and is recorded. Raises what `export` raises, and Invalid where
    the file cannot be written; at the worst the trail then knows of an export that nobody got.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # New, so that nobody else's file or link is written through.
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            number = await export(data, actor, out.write, filter=filter)
        part.replace(path)
    except OSError as error:
        raise Invalid(
            f"{path} cannot be written: {error.strerror}. No file was made.", hint="Choose another."
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return number


def cells(row: PersonRow) -> tuple[str, ...]:
    """A person in the order of COLUMNS."""
    return (
        row.email,
        row.name,
        row.role,
        row.department or "",
        row.status,
        row.phone or "",
        row.zone,
        join_names(row.custom_roles),
    )
