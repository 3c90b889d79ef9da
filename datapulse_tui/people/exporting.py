"""People as CSV: what `importing` reads, without passwords, codes and keys."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from datapulse_tui.errors import Invalid
from datapulse_tui.people.csv_cells import COLUMNS, join_names, line_of
from datapulse_tui.people.listing import LARGEST_PAGE, list_people

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.people.views import PersonRow


async def export(session: Reader, actor: Actor, filter: str = "") -> AsyncIterator[str]:
    """The header, then a line for each person that `filter` asks for, by address; each with its end (CR LF).

    Raises NotAllowed without `user:view`, InvalidFilter.
    """
    after: str | None = None
    first = True
    while first or after is not None:
        page = await list_people(session, actor, filter=filter, order="email", after=after, limit=LARGEST_PAGE)
        if first:
            yield line_of(COLUMNS)
        for row in page.items:
            yield line_of(cells(row))
        after, first = page.next, False


async def write_file(lines: AsyncIterator[str], path: Path) -> int:
    """Write an export to a file that its owner alone may read, and return how many people are in it.

    What was at `path` stays until all of it is there. Raises Invalid where it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    number = -1
    try:
        # New, so that nobody else's file or link is written through.
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            async for line in lines:
                out.write(line)
                number += 1
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
