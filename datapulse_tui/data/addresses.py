"""Which address is for what: people's sessions, LISTEN and workers, migrations.

The embedded server makes its own addresses; a shared one takes them from the settings. Starting the embedded server is
part of asking, and the process keeps it alive until it ends.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datapulse_tui.config import Settings
    from datapulse_tui.data.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Addresses:
    """URLs with credentials: never shown, never logged. `monitor` exists on the embedded server only."""

    app: str
    direct: str
    owner: str
    monitor: str | None = None
    pooled: bool = False

    def __repr__(self) -> str:
        return "Addresses(...)"


@functools.cache
def embedded_server(home: Path) -> EmbeddedServer:
    """The embedded server of `home`, started if need be and held by this process until it ends."""
    from datapulse_tui.data.embedded import start

    return start(home)


def addresses(settings: Settings) -> Addresses:
    """The addresses that `settings` mean; starts the embedded server when none is named. Blocking."""
    if settings.database_url is None:
        server = embedded_server(settings.home)
        return Addresses(server.app_url, server.app_url, server.owner_url, server.monitor_url)
    app = settings.database_url.get_secret_value()
    direct = settings.direct_url.get_secret_value() if settings.direct_url else app
    owner = settings.owner_url.get_secret_value() if settings.owner_url else direct
    return Addresses(app, direct, owner, pooled=direct != app)


def owner_url(settings: Settings) -> str:
    """The address that migrations use, in the form that SQLAlchemy takes."""
    from datapulse_tui.data.engine import parse_url

    return parse_url(addresses(settings).owner).render_as_string(hide_password=False)
