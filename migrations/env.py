"""How migrations run: one at a time under an advisory lock, never waiting long for a table that others use."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from datapulse_tui.config import load_settings
from datapulse_tui.data.addresses import owner_url
from datapulse_tui.data.base import Base
from datapulse_tui.data.migrate import include_object

# Any number that nothing else uses; the same for every installation, so that two upgrades exclude each other.
ADVISORY_LOCK = 7_238_401_156_202


def migrate(connection: Connection) -> None:
    """Run the steps that `context` asks for on `connection`, each in a transaction of its own."""
    # Waiting for another upgrade may take a while; waiting for a table that is in use must not, because everybody
    # who comes after a waiting ALTER TABLE waits behind it.
    connection.execute(text("SET lock_timeout = '60s'"))
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": ADVISORY_LOCK})
    connection.execute(text("SET lock_timeout = '4s'"))
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            include_object=include_object,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": ADVISORY_LOCK})
        connection.commit()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    engine = create_engine(owner_url(load_settings()), poolclass=pool.NullPool)
    with engine.connect() as connection:
        migrate(connection)
