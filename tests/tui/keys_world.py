"""Keys of Ana and Bea for the screens' tests: live, used, ending, revoked; SSH keys that wait and are admitted."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from datapulse_tui.data.connect import Connection
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.people import api_keys, ssh_keys
from datapulse_tui.people.actors import actor_for
from tests.people import ssh_samples as samples
from tests.tui.conftest import OPERATOR

BEA = "bea@example.org"
LATER = datetime(2098, 3, 3, 14, 5, 9, tzinfo=UTC)  # the database tells by its own clock which keys live
HOSTILE_NAME = "[/] \u202d売上 [b] \x1b[31mred"  # what the verbs refuse may still stand in the database


async def fill(connection: Connection) -> None:
    """Ana becomes an administrator; Bea is an analyst."""
    box = SecretBox.from_settings(connection.settings)
    async with connection.data.transaction() as session:
        await session.execute(text("UPDATE users SET role = 'admin' WHERE email = 'ana@example.org'"))
        await session.execute(
            text(
                "INSERT INTO users (email, name, password, role, status, timezone) "
                "VALUES (:bea, 'Bea Lind', '!', 'analyst', 'active', 'Europe/Vienna')"
            ),
            {"bea": BEA},
        )
        bea = await actor_for(session, BEA)
        ana = await actor_for(session, "ana@example.org")
        made = [
            await api_keys.create(session, bea, box, name=name, scopes=scopes, days=days)
            for name, scopes, days in (
                ("nightly export", ["source:query", "dashboard:view"], 90),
                ("hostile", ["alert:view"], 10),
                ("old laptop", ["dashboard:view"], 30),
            )
        ]
        await api_keys.create(session, ana, box, name="backup check", scopes=["health:view", "audit:view"], days=365)
        await session.execute(text("UPDATE api_keys SET name = :name WHERE name = 'hostile'"), {"name": HOSTILE_NAME})
        await api_keys.revoke(session, bea, [made[2].id])
        await ssh_keys.request(session, bea, samples.ed25519_key(), name="work laptop")
        await ssh_keys.request(session, bea, samples.ecdsa_key() + " phone [/]", name="")
        await ssh_keys.add_for(session, OPERATOR, _id(ana.user_id), samples.ed25519_key(), name="ana at home")


async def hold_still(connection: Connection) -> None:
    """Have times, first characters and fingerprints be the same in every run."""
    statements = (
        """
        UPDATE api_keys k SET created_at = :now - place * interval '1 day', prefix = 'dp_Example' || place || place,
            expires_at = :now - place * interval '1 day' + CASE name WHEN 'nightly export' THEN interval '90 days'
                WHEN 'backup check' THEN interval '365 days' ELSE interval '10 days' END,
            revoked_at = CASE WHEN revoked_at IS NOT NULL THEN CAST(:now AS timestamptz) END,
            last_used = CASE name WHEN 'nightly export' THEN :now - interval '5 minutes' END,
            last_used_from = CASE name WHEN 'nightly export' THEN '10.1.2.3' END
        FROM (SELECT id, row_number() OVER (ORDER BY name) AS place FROM api_keys) n WHERE n.id = k.id
        """,
        """
        UPDATE ssh_keys k SET created_at = :now - place * interval '1 hour',
            admitted_at = CASE WHEN admitted_at IS NOT NULL THEN CAST(:now AS timestamptz) END,
            fingerprint = 'SHA256:' || repeat(CAST(place AS text), 43),
            public_key = key_type || ' AAAAC3NzaC1lZDI1NTE5AAAAI' || repeat(CAST(place AS text), 43)
        FROM (SELECT id, row_number() OVER (ORDER BY name) AS place FROM ssh_keys) n WHERE n.id = k.id
        """,
    )
    async with connection.data.transaction() as session:
        for statement in statements:
            await session.execute(text(statement), {"now": LATER})


def _id(found: UUID | None) -> UUID:
    assert found is not None
    return found
