"""What the screens of keys ask of the domains. Everything heavy is imported in the methods."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from datapulse_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datapulse_tui.data.page import Page
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.people.api_keys import NewKey, Outcome
    from datapulse_tui.people.key_reads import ApiFilter, ApiKeyRow, SshFilter, SshKeyRow
    from datapulse_tui.people.ssh_keys import Added
    from datapulse_tui.tui.services import Person

KEYS_PAGE = 200


class KeyDesk(Workspace):
    """API keys and SSH keys. Raises DataPulseError; Unavailable when the database is away."""

    async def api_keys(
        self, person: Person, state: ApiFilter, after: str | None, *, everybody: bool
    ) -> Page[ApiKeyRow]:
        """One page of API keys, the newest first."""
        from datapulse_tui.people.key_reads import list_api_keys

        async with self.data.reading() as session:
            return await list_api_keys(
                session, person.actor, everybody=everybody, state=state, after=after, limit=KEYS_PAGE
            )

    async def ssh_keys(
        self, person: Person, status: SshFilter, after: str | None, *, everybody: bool
    ) -> Page[SshKeyRow]:
        """One page of SSH keys, first those that wait."""
        from datapulse_tui.people.key_reads import list_ssh_keys

        async with self.data.reading() as session:
            return await list_ssh_keys(
                session, person.actor, everybody=everybody, status=status, after=after, limit=KEYS_PAGE
            )

    async def create_api_key(self, person: Person, name: str, scopes: Sequence[str], days: int) -> NewKey:
        """Make a key for this person; it is in the answer, and nowhere else ever again."""
        from datapulse_tui.people.api_keys import create

        box = self._key_box()
        async with self.acting(person) as (session, actor):
            return await create(session, actor, box, name=name, scopes=scopes, days=days)

    async def rotate_api_key(self, person: Person, row: ApiKeyRow, overlap: timedelta) -> NewKey:
        """Make the key that replaces one of this person's."""
        from datapulse_tui.people.api_keys import rotate

        box = self._key_box()
        async with self.acting(person) as (session, actor):
            return await rotate(session, actor, box, row.id, overlap=overlap)

    async def revoke_api_keys(self, person: Person, ids: Sequence[UUID]) -> list[Outcome]:
        """End API keys at once; what became of each."""
        from datapulse_tui.people.api_keys import revoke

        async with self.acting(person) as (session, actor):
            return await revoke(session, actor, ids)

    async def add_ssh_key(self, person: Person, text: str, name: str) -> Added:
        """Ask for a public key of this person to be admitted."""
        from datapulse_tui.people.ssh_keys import request

        async with self.acting(person) as (session, actor):
            return await request(session, actor, text, name=name)

    async def admit_ssh_keys(self, person: Person, ids: Sequence[UUID]) -> list[Outcome]:
        """Let people sign in with these keys; what became of each."""
        from datapulse_tui.people.ssh_keys import admit

        async with self.acting(person) as (session, actor):
            return await admit(session, actor, ids)

    async def revoke_ssh_keys(self, person: Person, ids: Sequence[UUID]) -> list[Outcome]:
        """Have nobody sign in with these keys any more; what became of each."""
        from datapulse_tui.people.ssh_keys import revoke

        async with self.acting(person) as (session, actor):
            return await revoke(session, actor, ids)

    def _key_box(self) -> SecretBox:
        from datapulse_tui.data.secrets import SecretBox

        return SecretBox.from_settings(self.connection.settings)
