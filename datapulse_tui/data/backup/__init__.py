"""A database as one file in pg_dump's own format, and back: with PostgreSQL's own programs, all or nothing."""

from __future__ import annotations
