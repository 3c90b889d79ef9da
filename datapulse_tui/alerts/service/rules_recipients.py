"""From the channels and recipients that people write in a rule to their ids, which are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datapulse_tui.alerts.schemas import ChannelSpec
from datapulse_tui.people.rules import Role, normalise_email, normalise_phone

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.dashboards.checking import Problem

Path = tuple[str | int, ...]

_FOUND = """
SELECT 'person' AS kind, email AS key, id::text AS id, '' AS type FROM users WHERE email = ANY(CAST(:names AS text[]))
UNION ALL SELECT 'person', id::text, id::text, '' FROM users WHERE id::text = ANY(CAST(:names AS text[]))
UNION ALL SELECT 'department', name, id::text, '' FROM departments WHERE name = ANY(CAST(:names AS text[]))
UNION ALL SELECT 'department', id::text, id::text, '' FROM departments WHERE id::text = ANY(CAST(:names AS text[]))
UNION ALL SELECT 'role', name, name, '' FROM roles WHERE name = ANY(CAST(:names AS text[]))
UNION ALL SELECT 'channel', name, id::text, type FROM notification_channels WHERE name = ANY(CAST(:names AS text[]))
UNION ALL SELECT 'channel', id::text, id::text, type FROM notification_channels
          WHERE id::text = ANY(CAST(:names AS text[]))
"""


async def directory(session: AsyncSession, channels: Sequence[ChannelSpec], kept: Collection[str]) -> Directory:
    """What `channels` name, found in one statement; `kept` are stored recipients and channels that stay whatever
    became of them."""
    from datapulse_tui.data.glance import fetch

    names = {each.channel for each in channels if each.channel}
    for each in channels:
        names |= {_term(term)[1] for term in each.to}
    names -= {""}
    rows = await fetch(session, _FOUND, {"names": sorted(names)}) if names else ()
    return Directory({(row.kind, row.key): (row.id, row.type) for row in rows}, kept)


def _term(term: str) -> tuple[str, str]:
    """A written recipient as its kind and what names it."""
    kind, colon, rest = term.partition(":")
    if term == "owner":
        return "owner", ""
    if not colon or kind not in ("person", "role", "department", "address"):
        return "person", normalise_email(term)
    if kind == "person" and "@" in rest:
        return "person", normalise_email(rest)
    return kind, rest.strip()


class Directory:
    """The ids of people, departments, roles and channels that a rule names."""

    def __init__(self, found: Mapping[tuple[str, str], tuple[str, str]], kept: Collection[str]) -> None:
        self._found = found
        self._kept = kept

    def stored(self, field: str, channels: Sequence[ChannelSpec], problems: list[Problem]) -> list[dict[str, Any]]:
        """`channels` as they are stored; what is not there is added to `problems`."""
        return [self._channel((field, index), each, problems) for index, each in enumerate(channels)]

    def _channel(self, here: Path, spec: ChannelSpec, problems: list[Problem]) -> dict[str, Any]:
        from datapulse_tui.dashboards.checking import Problem, found

        channel = spec.channel
        if channel is not None and f"channel:{channel}" not in self._kept:
            channel, type_ = self._found.get(("channel", channel), (None, ""))
            if channel is None or type_ != spec.type:
                what = f"found {found(spec.channel)}, expected the name of a channel of type {spec.type}"
                problems.append(Problem((*here, "channel"), what))
        to: list[str] = []
        for place, term in enumerate(spec.to):
            stored = self._recipient(spec.type, term)
            if stored is None:
                what = f"found {found(term)}, expected somebody, a role or a department that is there"
                problems.append(Problem((*here, "to", place), what))
            elif stored not in to:
                to.append(stored)
        return {"type": spec.type, "channel": channel, "to": to}

    def _recipient(self, type_: str, term: str) -> str | None:
        kind, name = _term(term)
        if kind == "owner" or term in self._kept:
            return term
        if kind == "address":
            return f"address:{(normalise_phone(name) or '') if type_ == 'sms' else normalise_email(name)}"
        if kind == "role" and name in tuple(Role):
            return f"role:{name}"
        id_, _ = self._found.get((kind, name), (None, ""))
        return None if id_ is None else f"{kind}:{id_}"
