"""To whom an incident can be given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datapulse_tui.alerts.filter_sql import like
from datapulse_tui.alerts.views import PersonRef
from datapulse_tui.data.glance import fetch

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

# Every built-in role may see what concerns it, so whoever is active can be given an incident.
_FIND = """
SELECT id, name, email FROM users
WHERE status = 'active' AND (name ILIKE :contains OR email ILIKE :contains)
ORDER BY lower(name), email LIMIT :limit
"""


async def assignees(session: Reader, actor: Actor, text: str, limit: int = 20) -> tuple[PersonRef, ...]:
    """Active people whose name or address holds `text`, by name. Raises NotAllowed without the right to find people."""
    actor.require("user:find", "look for people")
    rows = await fetch(session, _FIND, {"contains": f"%{like(text.strip())}%", "limit": limit})
    return tuple(PersonRef(row.id, row.name, row.email) for row in rows)
