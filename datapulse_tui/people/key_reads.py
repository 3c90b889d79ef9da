"""What screens and commands read about API keys and SSH keys: one's own, or with the right everybody's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from datapulse_tui.errors import Conflict, Invalid, NotFound
from datapulse_tui.people import api_keys, key_rules, ssh_keys
from datapulse_tui.people.holding import by_people
from datapulse_tui.people.key_rules import KeyState

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.page import Page

T = TypeVar("T")
LARGEST_PAGE = 1_000

ApiFilter = Literal["", "live", "ended"]
SshFilter = Literal["", "pending", "admitted", "revoked"]

_API = """
SELECT k.id, k.user_id, k.name, coalesce(k.prefix, '') AS prefix, u.name AS owner, u.email,
       u.status = 'active' AS owner_active, k.permissions, k.created_at, k.expires_at, k.is_active,
       k.last_used, coalesce(k.last_used_from, '') AS last_used_from, k.revoked_at, coalesce(r.name, '') AS revoked_by,
       coalesce((SELECT o.prefix FROM api_keys o WHERE o.id = k.replaces_id), '') AS replaces,
       coalesce((SELECT n.prefix FROM api_keys n WHERE n.replaces_id = k.id LIMIT 1), '') AS replaced_by,
       clock_timestamp() AS now
FROM api_keys k JOIN users u ON u.id = k.user_id LEFT JOIN users r ON r.id = k.revoked_by
"""
_API_FILTERS: dict[str, str] = {
    "": "true",
    "live": "k.is_active AND k.expires_at > clock_timestamp() AND u.status = 'active'",
    "ended": "NOT (k.is_active AND k.expires_at > clock_timestamp() AND u.status = 'active')",
}
_SSH = """
SELECT k.id, k.user_id, k.name, k.key_type, k.public_key, k.fingerprint, k.status, u.name AS owner, u.email,
       u.status = 'active' AS owner_active, k.created_at, k.admitted_at, coalesce(a.name, '') AS admitted_by,
       k.revoked_at, coalesce(r.name, '') AS revoked_by, k.last_used, k.status = 'pending' AS waits
FROM ssh_keys k JOIN users u ON u.id = k.user_id
LEFT JOIN users a ON a.id = k.admitted_by LEFT JOIN users r ON r.id = k.revoked_by
"""


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """An API key, of which only the first characters are known. `state` is how it stood when it was read; `replaces`
    and `replaced_by` are the first characters of the keys before and after it."""

    id: UUID
    user_id: UUID
    name: str
    prefix: str
    owner: str
    email: str
    state: KeyState
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used: datetime | None
    last_used_from: str
    revoked_at: datetime | None
    revoked_by: str
    replaces: str
    replaced_by: str


@dataclass(frozen=True, slots=True)
class SshKeyRow:
    """An SSH key: `pending` until somebody admits it, `revoked` at its end. `public_key` has no comment or options."""

    id: UUID
    user_id: UUID
    name: str
    key_type: str
    public_key: str
    fingerprint: str
    status: str
    owner: str
    email: str
    owner_active: bool
    created_at: datetime
    admitted_at: datetime | None
    admitted_by: str
    revoked_at: datetime | None
    revoked_by: str
    last_used: datetime | None


async def list_api_keys(
    reader: Reader,
    actor: Actor,
    *,
    everybody: bool = False,
    state: ApiFilter = "",
    after: str | None = None,
    limit: int = 200,
) -> Page[ApiKeyRow]:
    """A page of one's own API keys, or with `apikey:manage` of everybody's; the newest first.

    Raises NotAllowed, also for who signed in with a key; Invalid.
    """
    _may_see(actor, everybody, api_keys.MANAGE, "API keys")
    where = "" if everybody else " AND k.user_id = CAST(:me AS uuid)"
    sql = f"{_API} WHERE {_chosen(_API_FILTERS, state)}{where}"
    return await _page(reader, sql, actor, "k.created_at DESC, k.id", after, limit, _api_row)


async def list_ssh_keys(
    reader: Reader,
    actor: Actor,
    *,
    everybody: bool = False,
    status: SshFilter = "",
    after: str | None = None,
    limit: int = 200,
) -> Page[SshKeyRow]:
    """A page of one's own SSH keys, or with `sshkey:manage` of everybody's; first those that wait, then the newest.

    Raises NotAllowed, also for who signed in with a key; Invalid.
    """
    _may_see(actor, everybody, ssh_keys.MANAGE, "SSH keys")
    where = "" if everybody else " AND k.user_id = CAST(:me AS uuid)"
    filters = {"": "true"} | {each: f"k.status = '{each}'" for each in ("pending", "admitted", "revoked")}
    sql = f"{_SSH} WHERE {_chosen(filters, status)}{where}"
    return await _page(reader, sql, actor, "waits DESC, k.created_at DESC, k.id", after, limit, _ssh_row)


async def named_api_key(reader: Reader, actor: Actor, given: str) -> ApiKeyRow:
    """The key that is meant by its id, its first characters or its name, of those that `actor` may see.

    One that ended is only meant where no other is. Raises NotFound, Conflict when there are several.
    """
    from datapulse_tui.data.glance import fetch

    by_people(actor, "look after API keys")
    wanted = given.strip().rstrip("…")
    where = "k.id = CAST(:id AS uuid) OR k.prefix = :prefix OR k.name = :name"
    values = {"id": _id(wanted), "prefix": wanted[: key_rules.PREFIX_LENGTH], "name": wanted}
    mine = "" if actor.can(api_keys.MANAGE) else "AND k.user_id = CAST(:me AS uuid)"
    sql = f"{_API} WHERE ({where}) {mine} ORDER BY k.created_at DESC LIMIT 50"
    rows = [_api_row(row) for row in await fetch(reader, sql, values | {"me": actor.user_id})]
    living = [row for row in rows if row.state in (KeyState.LIVE, KeyState.OWNER_AWAY)]
    return _single(living or rows, "API key", "`datapulse api-key list` shows those that you see.")


async def named_ssh_key(reader: Reader, actor: Actor, given: str) -> SshKeyRow:
    """The key that is meant by its id, its fingerprint or its name, of those that `actor` may see.

    One that was revoked is only meant where no other is. Raises NotFound, Conflict when there are several.
    """
    from datapulse_tui.data.glance import fetch

    by_people(actor, "look after SSH keys")
    wanted = given.strip()
    where = "k.id = CAST(:id AS uuid) OR k.fingerprint = :given OR k.name = :given"
    mine = "" if actor.can(ssh_keys.MANAGE) else "AND k.user_id = CAST(:me AS uuid)"
    sql = f"{_SSH} WHERE ({where}) {mine} ORDER BY k.created_at DESC LIMIT 50"
    found = await fetch(reader, sql, {"id": _id(wanted), "given": wanted, "me": actor.user_id})
    rows = [_ssh_row(row) for row in found]
    living = [row for row in rows if row.status != "revoked"]
    return _single(living or rows, "SSH key", "`datapulse ssh-key list` shows those that you see.")


# -- inside ------------------------------------------------------------------------------------------------------------


def _may_see(actor: Actor, everybody: bool, permission: str, what: str) -> None:  # noqa: FBT001
    by_people(actor, f"list {what}")
    if everybody:
        actor.require(permission, f"see everybody's {what}")


def _chosen(filters: dict[str, str], name: str) -> str:
    if name not in filters:
        known = ", ".join(each for each in filters if each)
        raise Invalid(f"{name!r} is not a state of a key.", hint=f"The states are {known}.")
    return filters[name]


async def _page(
    reader: Reader, sql: str, actor: Actor, order: str, after: str | None, limit: int, make: Callable[[Any], T]
) -> Page[T]:
    from datapulse_tui.data.glance import fetch
    from datapulse_tui.data.page import decode_cursor, make_page

    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid(f"A page holds 1 to {LARGEST_PAGE} keys.", hint="Ask for the next page with its cursor.")
    waits = order.startswith("waits")
    values: dict[str, object] = {"me": actor.user_id, "most": limit + 1}
    if after is not None:
        values |= dict(zip(("waits", "at", "id"), decode_cursor(after, 3), strict=True))
        beyond = "k.created_at < :at OR (k.created_at = :at AND k.id > :id)"
        if waits:
            here = "(k.status = 'pending')"
            beyond = f"{here} < :waits OR ({here} = :waits AND ({beyond}))"
        sql += f" AND ({beyond})"
    rows = await fetch(reader, f"{sql} ORDER BY {order} LIMIT :most", values)
    return make_page(rows, limit, make, lambda row: [waits and row.waits, row.created_at, row.id])


def _api_row(row: Any) -> ApiKeyRow:
    standing = key_rules.state(
        is_active=row.is_active, expires_at=row.expires_at, owner_active=row.owner_active, now=row.now
    )
    return ApiKeyRow(
        row.id, row.user_id, row.name, row.prefix, row.owner, row.email, standing, tuple(row.permissions),
        row.created_at, row.expires_at, row.last_used, row.last_used_from, row.revoked_at, row.revoked_by,
        row.replaces, row.replaced_by,
    )  # fmt: skip


def _ssh_row(row: Any) -> SshKeyRow:
    return SshKeyRow(*row[:16])


def _single(rows: Sequence[T], what: str, hint: str) -> T:
    if not rows:
        raise NotFound(f"There is no such {what}. Nothing was changed.", hint=hint)
    if len(rows) > 1:
        raise Conflict(
            f"{len(rows)} keys have that name. Nothing was changed.",
            hint=f"Name the {what} by its id, or by what the list shows of it.",
        )
    return rows[0]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
