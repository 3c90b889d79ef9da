"""SQLAlchemy's engines as the tests make them: each has its own connections, all share what was worked out once.

A program has one engine as long as it lives. Every test makes one of its own, and would spend more time on asking the
server what it is and on compiling the same statements again than on what it proves.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGDialectAsync_psycopg
from sqlalchemy.util import LRUCache

MOST_STATEMENTS = 3_000


class SharedDialect(PGDialectAsync_psycopg):
    """One as good as the other: what was compiled for one of them is used by all, as is what one has found out."""

    supports_statement_cache = True
    compiled: ClassVar[LRUCache[Any, Any]] = LRUCache(MOST_STATEMENTS)
    found: ClassVar[dict[str, Any]] = {}

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def initialize(self, connection: Connection) -> None:
        """Ask the server, the first time; every server that one run meets is of the same version."""
        if not self.found:
            before = dict(vars(self))
            super().initialize(connection)
            self.found.update({name: value for name, value in vars(self).items() if before.get(name) is not value})
        vars(self).update(self.found)

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=cls.compiled)


class _Entry(PGDialect_psycopg):
    supports_statement_cache = True

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[SharedDialect]:
        return SharedDialect


def share() -> None:
    """From now on, in this process."""
    registry.register("postgresql.psycopg", __name__, _Entry.__name__)
