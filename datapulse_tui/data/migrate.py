"""Alembic from inside the program: upgrade, downgrade and compare. Synchronous; imported only when it is needed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

# Before Alembic, which begins with a part of SQLAlchemy: of two threads one of which imports the whole and the other a
# part of it, each holds the lock that the other waits for, and both get a half.
import sqlalchemy  # noqa: F401

# isort: split
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.exc import DBAPIError

from datapulse_tui import resources
from datapulse_tui.data import models  # noqa: F401  (registers every table on the metadata)
from datapulse_tui.data.address import CONNECT_TIMEOUT
from datapulse_tui.data.base import Base
from datapulse_tui.data.engine import lost_connection, parse_url
from datapulse_tui.data.glance import unavailable
from datapulse_tui.errors import Conflict

LOCK_NOT_AVAILABLE = "55P03"
_NOT_OURS = re.compile(r"procrastinate_|metric_samples(_hourly)?_p\d")


def include_object(thing: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:  # noqa: ARG001, FBT001
    """What the drift check looks at: everything but procrastinate's own tables and the partitions of samples."""
    table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", "")
    return not _NOT_OURS.match(table or "")


@contextlib.contextmanager
def _connection(url: str) -> Iterator[Connection]:
    engine = create_engine(
        parse_url(url),
        poolclass=pool.NullPool,
        connect_args={"connect_timeout": CONNECT_TIMEOUT, "application_name": "datapulse migrate"},
    )
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        if lost_connection(error):
            raise unavailable(url, error) from error
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise Conflict(
                "The upgrade gave up: a table it changes is in use. Finished steps stay, nothing is half done.",
                hint="Run it again in a quieter moment.",
            ) from error
        raise


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.migrations_path()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at the owner's `url` up to `revision`. Raises Unavailable or Conflict."""
    with _connection(url) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database back to `revision` (`base`: no tables). What the later steps added is lost."""
    with _connection(url) as connection:
        command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """The revision that the database stands at, None for an empty one."""
    with _connection(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def drift(url: str) -> list[str]:
    """How the migrated database differs from the models, one line each; empty when it does not."""
    with _connection(url) as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": include_object, "compare_server_default": True}
        )
        return [str(difference) for difference in compare_metadata(context, Base.metadata)]
