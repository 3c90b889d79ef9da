"""From settings to a database that can be used: start the embedded server, look at the schema, say what is missing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from datapulse_tui.data.addresses import Addresses, addresses
from datapulse_tui.data.database import Database
from datapulse_tui.data.schema_version import SchemaState, refusal, schema_state

if TYPE_CHECKING:
    from datapulse_tui.config import Settings
    from datapulse_tui.data.secrets import SecretBox


@dataclass(frozen=True, slots=True)
class Connection:
    """An open workspace: the database and the addresses that the feed and the workers use."""

    settings: Settings
    data: Database
    addresses: Addresses


async def connect(settings: Settings, *, check_schema: bool = True) -> Connection:
    """Open the workspace that `settings` name.

    An embedded database without tables is given them at once, because nobody else could. Raises Unavailable when the
    server does not answer within 5 s an address, SchemaTooOld when an upgrade is due, SchemaTooNew when the program is.
    """
    found = await asyncio.to_thread(addresses, settings)
    data = Database(found.app, pooled=found.pooled, secrets=partial(_box, settings))
    if check_schema:
        try:
            async with data.glance() as session:
                state = await schema_state(session)
            if state is SchemaState.EMPTY and settings.embedded:
                from datapulse_tui.data.migrate import upgrade

                await asyncio.to_thread(upgrade, found.owner)
                state = SchemaState.CURRENT
            error = refusal(state)
            if error is not None:
                raise error
        except BaseException:
            await data.dispose()
            raise
    return Connection(settings, data, found)


def _box(settings: Settings) -> SecretBox:
    from datapulse_tui.data.secrets import SecretBox

    return SecretBox.from_settings(settings)
