"""SSH keys: asking for one to be admitted, admitting and revoking, and who a key that was admitted belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from datapulse_tui.audit.service import Entry, record, record_many
from datapulse_tui.data import feed
from datapulse_tui.data.verbs import Refusal, raise_if_single
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.people import key_rules, public_keys
from datapulse_tui.people.api_keys import TOPIC, Outcome
from datapulse_tui.people.holding import by_people

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.data.glance import Reader

KIND = "ssh_key"
CREATE = "sshkey:create"
MANAGE = "sshkey:manage"
MOST_KEYS = 20  # of one person that wait or are admitted
MOST_AT_ONCE = 1_000

MISSING = Refusal(NotFound, "there is no such SSH key", "`datapulse ssh-key list` shows those that you see.")

_ADMITTED = """
SELECT k.user_id FROM ssh_keys k JOIN users u ON u.id = k.user_id
WHERE k.fingerprint = :fingerprint AND k.status = 'admitted' AND u.status = 'active'
"""
_HELD = "SELECT count(*) FROM ssh_keys WHERE user_id = :person AND status <> 'revoked'"
_INSERT = """
INSERT INTO ssh_keys (id, user_id, name, key_type, public_key, fingerprint, status, admitted_at, admitted_by)
VALUES (:id, :person, :name, :type, :text, :fingerprint, CAST(:status AS text),
        CASE WHEN CAST(:status AS text) = 'admitted' THEN clock_timestamp() END, :by)
ON CONFLICT (fingerprint) WHERE status <> 'revoked' DO NOTHING RETURNING id
"""
_THESE = """
SELECT k.id, k.user_id, k.name, k.fingerprint, k.status, u.name AS owner, u.status = 'active' AS owner_active
FROM ssh_keys k JOIN users u ON u.id = k.user_id
WHERE k.id = ANY(CAST(:ids AS uuid[])) ORDER BY k.id FOR NO KEY UPDATE OF k
"""
_ADMIT = """
UPDATE ssh_keys SET status = 'admitted', admitted_at = clock_timestamp(), admitted_by = :by
WHERE id = ANY(CAST(:ids AS uuid[]))
"""
_REVOKE = """
UPDATE ssh_keys SET status = 'revoked', revoked_at = clock_timestamp(), revoked_by = :by
WHERE id = ANY(CAST(:ids AS uuid[]))
"""


@dataclass(frozen=True, slots=True)
class Added:
    """A key that was kept: `status` is `pending` or `admitted`; `options` says that options before it were dropped."""

    id: UUID
    name: str
    fingerprint: str
    status: str
    options: bool


async def admitted(session: Reader, fingerprint: str) -> UUID | None:
    """The active person who may sign in with the key of this fingerprint (`SHA256:...`); None for every other key.

    Asks for no right: it is the door of the SSH server.
    """
    from datapulse_tui.data.glance import fetch

    found = await fetch(session, _ADMITTED, {"fingerprint": fingerprint})
    return found[0].user_id if found else None


async def request(session: AsyncSession, actor: Actor, text: str, *, name: str = "") -> Added:
    """Ask for one's own public key to be admitted; who may admit keys has it admitted at once.

    `text` is what stands in the .pub file; without `name` its comment is the name. Raises NotAllowed without
    `sshkey:create`, for an operator, and for who signed in with an API key; Invalid (PrivateKeyGiven); Conflict for a
    key that is registered already, and when there are `MOST_KEYS`.
    """
    by_people(actor, "add SSH keys")
    if actor.user_id is None:
        raise NotAllowed(
            "An SSH key belongs to a person, and you act as an operator. Nothing was changed.",
            hint="Say whose it is: datapulse ssh-key add FILE --for EMAIL",
        )
    actor.require(CREATE, "ask for SSH keys to be admitted")
    return await _add(session, actor, actor.user_id, text, name, at_once=actor.can(MANAGE))


async def add_for(session: AsyncSession, actor: Actor, user_id: UUID, text: str, *, name: str = "") -> Added:
    """Add somebody's public key; it is admitted at once.

    Raises NotAllowed without `sshkey:manage`, also for somebody who may do what the actor may not (their key would be a
    way to get it) and for who signed in with an API key; NotFound; what `request` raises.
    """
    from datapulse_tui.people.holding import locked, my_turn

    by_people(actor, "add SSH keys")
    actor.require(MANAGE, "add SSH keys for others")
    actor = await my_turn(session, actor)
    actor.require(MANAGE, "add SSH keys for others")
    await locked(session, actor, user_id)
    return await _add(session, actor, user_id, text, name, at_once=True)


async def admit(session: AsyncSession, actor: Actor, key_ids: Sequence[UUID]) -> list[Outcome]:
    """Let people sign in with the keys that they asked for; what became of each, in their order.

    A key of somebody who may do what the actor may not stays as it is. Raises NotAllowed without `sshkey:manage`, and
    for who signed in with an API key. A single one that is refused raises as well: NotFound, Conflict, NotAllowed.
    """
    from datapulse_tui.people.holding import locked, my_turn

    by_people(actor, "admit SSH keys")
    actor.require(MANAGE, "admit SSH keys")
    actor = await my_turn(session, actor)
    actor.require(MANAGE, "admit SSH keys")
    rows = await _rows(session, key_ids)
    refused: dict[UUID, Refusal] = {}
    for key_id in key_ids:
        row = rows.get(key_id)
        if row is None:
            refused[key_id] = MISSING
        elif row.status != "pending":
            refused[key_id] = Refusal(Conflict, f"it was {row.status} already")
        elif not row.owner_active:
            refused[key_id] = Refusal(Conflict, f"the account of {row.owner} is not active")
        else:
            try:
                await locked(session, actor, row.user_id)
            except NotAllowed:
                refused[key_id] = Refusal(NotAllowed, f"{row.owner} may do what you may not", "Ask an administrator.")
    return await _carry_out(session, actor, key_ids, rows, refused, _ADMIT, "admitted")


async def revoke(session: AsyncSession, actor: Actor, key_ids: Sequence[UUID]) -> list[Outcome]:
    """Have nobody sign in with these keys any more: one's own, or anybody's with `sshkey:manage`; what became of each.

    Raises NotAllowed for who signed in with an API key. A single one that is refused raises as well: NotFound,
    Conflict.
    """
    by_people(actor, "revoke SSH keys")
    rows = await _rows(session, key_ids)
    refused: dict[UUID, Refusal] = {}
    for key_id in key_ids:
        row = rows.get(key_id)
        if row is None or not (row.user_id == actor.user_id or actor.can(MANAGE)):
            rows.pop(key_id, None)
            refused[key_id] = MISSING
        elif row.status == "revoked":
            refused[key_id] = Refusal(Conflict, "it was revoked already")
    return await _carry_out(session, actor, key_ids, rows, refused, _REVOKE, "revoked")


# -- inside ------------------------------------------------------------------------------------------------------------


async def _add(session: AsyncSession, actor: Actor, owner: UUID, text: str, name: str, *, at_once: bool) -> Added:
    from sqlalchemy import text as sql

    key = await asyncio.to_thread(public_keys.parse, text)
    called = key_rules.clean_name(name or _name_from(key), "key")
    held = await session.scalar(sql(_HELD), {"person": owner})
    if held is not None and held >= MOST_KEYS:
        raise Conflict(
            f"There are {held} SSH keys of this person, and more are not kept. Nothing was changed.",
            hint="Revoke those that nobody uses.",
        )
    status = "admitted" if at_once else "pending"
    values = {
        "id": uuid4(),
        "person": owner,
        "name": called,
        "type": key.type,
        "text": key.text,
        "fingerprint": key.fingerprint,
        "status": status,
        "by": actor.user_id if at_once else None,
    }
    made: UUID | None = await session.scalar(sql(_INSERT), values)
    if made is None:
        raise Conflict(
            f"The key {key.fingerprint} is registered already. Nothing was changed.",
            hint="One key belongs to one person. `datapulse ssh-key list` shows yours.",
        )
    after = {"name": called, "type": key.type, "fingerprint": key.fingerprint, "status": status, "owner": owner}
    await record(session, actor, "sshkey.admitted" if at_once else "sshkey.requested", KIND, made, after=after)
    await feed.emit(session, TOPIC, made)
    return Added(made, called, key.fingerprint, status, key.options)


def _name_from(key: public_keys.PublicKey) -> str:
    """The comment, where it can be a name; the kind of the key otherwise."""
    try:
        return key_rules.clean_name(key.comment)
    except DataPulseError:
        return key.type


async def _rows(session: AsyncSession, key_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """The keys that are there, locked."""
    from sqlalchemy import text

    if len(key_ids) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE:,} keys are changed at once. Nothing was changed.")
    return {row.id: row for row in await session.execute(text(_THESE), {"ids": list(key_ids)})}


async def _carry_out(
    session: AsyncSession,
    actor: Actor,
    key_ids: Sequence[UUID],
    rows: dict[UUID, Any],
    refused: dict[UUID, Refusal],
    statement: str,
    done: str,
) -> list[Outcome]:
    """Change those that are not refused, record it, tell the desks, and say what became of each."""
    from sqlalchemy import text

    titles = {each: f"{rows[each].name} of {rows[each].owner}" if each in rows else "" for each in key_ids}
    raise_if_single(titles, refused)
    changed = [each for each in titles if each not in refused]
    if changed:
        await session.execute(text(statement), {"ids": changed, "by": actor.user_id})
        entries = [
            Entry(
                f"sshkey.{done}",
                KIND,
                each,
                note={"name": rows[each].name, "fingerprint": rows[each].fingerprint, "owner": rows[each].user_id},
            )
            for each in changed
        ]
        await record_many(session, actor, entries)
        await feed.emit(session, TOPIC, *changed)
    return [
        Outcome(each, title, each not in refused, refused[each].message if each in refused else done)
        for each, title in titles.items()
    ]
