"""Everything that the two schema documents name exists in the migrated database, read from the catalogue.

The documents are restated here as data: table -> columns (type, nullable, default), foreign keys with their action,
CHECKs with their values, and every index by name. Where both documents speak, document A's names stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from tests import databases
from tests.databases import Server

TIMES = "timestamp with time zone"
KEY = ("uuid", False, "gen_random_uuid()")
CREATED = (TIMES, False, "now()")
PARENT = ("uuid", False, None)
OPTIONAL = ("uuid", True, None)
EMPTY_OBJECT = ("jsonb", False, "{}")
EMPTY_LIST = ("jsonb", False, "[]")
TRUE = ("boolean", False, "true")
TEXT = ("text", True, None)
SEEN = (TIMES, True, None)


def name(length: int, default: str | None = None, *, nullable: bool = False) -> tuple[str, bool, str | None]:
    return (f"character varying({length})", nullable, default)


STAMPS = {"created_at": CREATED, "updated_at": CREATED}

COLUMNS: dict[str, dict[str, tuple[str, bool, str | None]]] = {
    "users": {
        "id": KEY, "email": name(255), "password": name(255), "name": name(100), "role": name(20, "business_user"),
        "department_id": OPTIONAL, "phone": name(50, nullable=True), "timezone": name(50, "UTC", nullable=True),
        "status": name(20, "pending"), "last_login": SEEN, **STAMPS,
    },
    "departments": {"id": KEY, "name": name(100), "description": TEXT, **STAMPS},
    "dashboards": {
        "id": KEY, "user_id": PARENT, "name": name(255), "description": TEXT, "layout": EMPTY_OBJECT,
        "is_public": ("boolean", False, "false"), **STAMPS,
    },
    "widgets": {
        "id": KEY, "dashboard_id": PARENT, "data_source_id": OPTIONAL, "type": name(50), "config": EMPTY_OBJECT,
        "query": TEXT, "position": EMPTY_OBJECT, **STAMPS,
    },
    "alerts": {
        "id": KEY, "user_id": PARENT, "metric_id": OPTIONAL, "metric": name(100, nullable=True), "name": name(255),
        "threshold_type": name(20), "threshold_value": ("numeric", False, None), "channels": EMPTY_LIST,
        "frequency": name(20, "immediate"), "status": name(20, "inactive"), "is_active": TRUE, **STAMPS,
    },
    "alert_notifications": {
        "id": KEY, "alert_id": PARENT, "user_id": PARENT, "sent_at": SEEN, "acknowledged_at": SEEN, "resolved_at": SEEN,
    },
    "data_sources": {
        "id": KEY, "name": name(255), "type": name(20), "connection_config": EMPTY_OBJECT,
        "status": name(20, "disconnected"), "last_sync": SEEN, "metadata": EMPTY_OBJECT, **STAMPS,
    },
    "queries": {
        "id": KEY, "user_id": PARENT, "name": name(255), "sql": ("text", False, None), "description": TEXT,
        "data_source_id": OPTIONAL, "data_model_id": OPTIONAL, **STAMPS,
    },
    "data_models": {
        "id": KEY, "created_by": PARENT, "name": name(255), "description": TEXT, "tables": EMPTY_LIST,
        "joins": EMPTY_LIST, "calculated_fields": EMPTY_LIST, **STAMPS,
    },
    "reports": {
        "id": KEY, "dashboard_id": PARENT, "created_by": PARENT, "name": name(255), "schedule": EMPTY_OBJECT,
        "recipients": EMPTY_LIST, "format": name(20, "pdf"), "is_active": TRUE, "last_sent": SEEN, **STAMPS,
    },
    "workflows": {
        "id": KEY, "requester_id": PARENT, "approver_id": OPTIONAL, "type": name(100), "status": name(20, "pending"),
        "priority": name(20, "normal"), "details": EMPTY_OBJECT, "resolved_at": SEEN, **STAMPS,
    },
    "audit_logs": {
        "id": KEY, "user_id": OPTIONAL, "action": name(100), "resource_type": name(100), "resource_id": OPTIONAL,
        "ip_address": name(50, nullable=True), "user_agent": TEXT, "details": EMPTY_OBJECT, "created_at": CREATED,
    },
    "api_keys": {
        "id": KEY, "user_id": PARENT, "name": name(255), "key_hash": name(255), "permissions": EMPTY_LIST,
        "expires_at": SEEN, "last_used": SEEN, "is_active": TRUE, "created_at": CREATED,
    },
    "dashboard_shares": {
        "dashboard_id": PARENT, "user_id": PARENT, "permission": name(20, "view"), "shared_at": CREATED,
        "shared_by": OPTIONAL,
    },
    "profiles": {
        "id": KEY, "user_id": PARENT, "avatar": name(255, nullable=True), "bio": TEXT,
        "phone": name(50, nullable=True), **STAMPS,
    },
    "posts": {
        "id": KEY, "user_id": PARENT, "title": name(255), "content": ("text", False, None),
        "status": name(20, "draft"), "published_at": SEEN, **STAMPS,
    },
    "comments": {
        "id": KEY, "post_id": PARENT, "user_id": PARENT, "content": ("text", False, None),
        "status": name(20, "active"), **STAMPS,
    },
    "roles": {
        "id": KEY, "name": name(50), "description": TEXT, "permissions": EMPTY_LIST, "created_at": CREATED,
    },
    "tags": {
        "id": KEY, "name": name(50), "slug": name(50), "color": name(7, "#000000", nullable=True),
        "created_at": CREATED,
    },
    "user_roles": {"user_id": PARENT, "role_id": PARENT, "assigned_at": CREATED, "assigned_by": OPTIONAL},
    "post_tags": {"post_id": PARENT, "tag_id": PARENT, "created_at": CREATED},
}  # fmt: skip

FOREIGN_KEYS: dict[tuple[str, str], tuple[str, str]] = {
    ("users", "department_id"): ("departments", "SET NULL"),
    ("dashboards", "user_id"): ("users", "CASCADE"),
    ("widgets", "dashboard_id"): ("dashboards", "CASCADE"),
    ("widgets", "data_source_id"): ("data_sources", "SET NULL"),
    ("alerts", "user_id"): ("users", "CASCADE"),
    ("alerts", "metric_id"): ("queries", "RESTRICT"),
    ("alert_notifications", "alert_id"): ("alerts", "CASCADE"),
    ("alert_notifications", "user_id"): ("users", "CASCADE"),
    ("queries", "user_id"): ("users", "CASCADE"),
    ("queries", "data_source_id"): ("data_sources", "SET NULL"),
    ("data_models", "created_by"): ("users", "CASCADE"),
    ("reports", "dashboard_id"): ("dashboards", "CASCADE"),
    ("reports", "created_by"): ("users", "CASCADE"),
    ("workflows", "requester_id"): ("users", "CASCADE"),
    ("workflows", "approver_id"): ("users", "SET NULL"),
    ("audit_logs", "user_id"): ("users", "SET NULL"),
    ("api_keys", "user_id"): ("users", "CASCADE"),
    ("dashboard_shares", "dashboard_id"): ("dashboards", "CASCADE"),
    ("dashboard_shares", "user_id"): ("users", "CASCADE"),
    ("dashboard_shares", "shared_by"): ("users", "SET NULL"),
    ("profiles", "user_id"): ("users", "CASCADE"),
    ("posts", "user_id"): ("users", "CASCADE"),
    ("comments", "post_id"): ("posts", "CASCADE"),
    ("comments", "user_id"): ("users", "CASCADE"),
    ("user_roles", "user_id"): ("users", "CASCADE"),
    ("user_roles", "role_id"): ("roles", "CASCADE"),
    ("user_roles", "assigned_by"): ("users", "SET NULL"),
    ("post_tags", "post_id"): ("posts", "CASCADE"),
    ("post_tags", "tag_id"): ("tags", "CASCADE"),
}

CHECKS: dict[tuple[str, str], set[str]] = {
    ("users", "role"): {"business_user", "analyst", "ops_manager", "admin"},
    ("users", "status"): {"active", "inactive", "pending"},
    ("widgets", "type"): {
        "line_chart", "bar_chart", "pie_chart", "area_chart", "table", "metric_card", "text", "image",
    },
    ("alerts", "threshold_type"): {"above", "below", "change_percent"},
    ("alerts", "frequency"): {"immediate", "digest"},
    ("alerts", "status"): {"active", "triggered", "snoozed", "resolved", "inactive"},
    ("data_sources", "type"): {"postgresql", "mysql", "rest_api", "csv"},
    ("data_sources", "status"): {"connected", "error", "disconnected", "pending"},
    ("reports", "format"): {"pdf", "excel", "csv"},
    ("workflows", "status"): {"pending", "approved", "rejected", "completed"},
    ("workflows", "priority"): {"low", "normal", "high", "critical"},
    ("dashboard_shares", "permission"): {"view", "edit"},
    ("posts", "status"): {"draft", "published", "archived"},
    ("comments", "status"): {"active", "hidden", "deleted"},
}  # fmt: skip

UNIQUE, PLAIN = True, False
INDEXES: dict[str, tuple[str, str, bool]] = {
    "users_email_idx": ("users", "email", UNIQUE),
    "users_role_idx": ("users", "role", PLAIN),
    "users_department_idx": ("users", "department_id", PLAIN),
    "users_status_idx": ("users", "status", PLAIN),
    "dashboards_user_id_idx": ("dashboards", "user_id", PLAIN),
    "dashboards_created_at_idx": ("dashboards", "created_at", PLAIN),
    "widgets_dashboard_id_idx": ("widgets", "dashboard_id", PLAIN),
    "widgets_data_source_id_idx": ("widgets", "data_source_id", PLAIN),
    "alerts_user_id_idx": ("alerts", "user_id", PLAIN),
    "alerts_status_idx": ("alerts", "status", PLAIN),
    "alerts_is_active_idx": ("alerts", "is_active", PLAIN),
    "data_sources_name_idx": ("data_sources", "name", UNIQUE),
    "data_sources_status_idx": ("data_sources", "status", PLAIN),
    "reports_dashboard_id_idx": ("reports", "dashboard_id", PLAIN),
    "reports_created_by_idx": ("reports", "created_by", PLAIN),
    "reports_is_active_idx": ("reports", "is_active", PLAIN),
    "data_models_created_by_idx": ("data_models", "created_by", PLAIN),
    "workflows_requester_id_idx": ("workflows", "requester_id", PLAIN),
    "workflows_approver_id_idx": ("workflows", "approver_id", PLAIN),
    "workflows_status_idx": ("workflows", "status", PLAIN),
    "audit_logs_user_id_idx": ("audit_logs", "user_id, action, created_at, seq", PLAIN),
    "audit_logs_resource_idx": ("audit_logs", "resource_type, resource_id, created_at, seq", PLAIN),
    "audit_logs_created_at_idx": ("audit_logs", "created_at, seq", PLAIN),
    "api_keys_user_id_idx": ("api_keys", "user_id", PLAIN),
    "api_keys_key_hash_idx": ("api_keys", "key_hash", UNIQUE),
    "profiles_user_id_idx": ("profiles", "user_id", UNIQUE),
    "posts_user_id_idx": ("posts", "user_id", PLAIN),
    "posts_status_idx": ("posts", "status", PLAIN),
    "posts_published_at_idx": ("posts", "published_at", PLAIN),
    "comments_post_id_idx": ("comments", "post_id", PLAIN),
    "comments_user_id_idx": ("comments", "user_id", PLAIN),
    "comments_post_user_idx": ("comments", "post_id, user_id", PLAIN),
    "roles_name_idx": ("roles", "name", UNIQUE),
    "tags_name_idx": ("tags", "name", UNIQUE),
    "tags_slug_idx": ("tags", "slug", UNIQUE),
    "dashboard_shares_user_id_idx": ("dashboard_shares", "user_id", PLAIN),
    "user_roles_role_id_idx": ("user_roles", "role_id", PLAIN),
    "post_tags_tag_id_idx": ("post_tags", "tag_id", PLAIN),
}

PRIMARY_KEYS = {
    "dashboard_shares": "dashboard_id, user_id",
    "user_roles": "user_id, role_id",
    "post_tags": "post_id, tag_id",
}


@pytest.fixture(scope="module")
def catalogue(server: Server, template: str) -> Iterator[psycopg.Connection]:
    clone = databases.create_database(server, template)
    with psycopg.connect(databases.dsn(server.url(clone))) as connection:
        yield connection
    databases.drop_database(server, clone)


def plain(default: str | None) -> str | None:
    """A column default without its cast and quotes."""
    return None if default is None else re.sub(r"::[a-z ]+(\(\d+\))?$", "", default).strip("'")


@pytest.mark.parametrize("table", COLUMNS)
def test_columns(catalogue: psycopg.Connection, table: str) -> None:
    rows = catalogue.execute(
        "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull, pg_get_expr(adbin, adrelid) "
        "FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        [f"public.{table}"],
    ).fetchall()
    found = {column: (kind, nullable, plain(default)) for column, kind, nullable, default in rows}
    assert {column: found.get(column) for column in COLUMNS[table]} == COLUMNS[table]
    # what the documents do not name is nullable or has a default, so that their inserts still work
    identity = catalogue.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_identity = 'YES'", [table]
    ).fetchall()
    for column in found.keys() - COLUMNS[table].keys() - {row[0] for row in identity}:
        _, nullable, default = found[column]
        assert nullable or default is not None, column


def test_no_time_is_without_zone(catalogue: psycopg.Connection) -> None:
    rows = catalogue.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND data_type = 'timestamp without time zone'"
    ).fetchall()
    assert rows == []


def test_foreign_keys(catalogue: psycopg.Connection) -> None:
    rows = catalogue.execute(
        "SELECT conrelid::regclass::text, attname, confrelid::regclass::text, confdeltype FROM pg_constraint "
        "JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'"
    ).fetchall()
    actions = {"a": "NO ACTION", "c": "CASCADE", "n": "SET NULL", "r": "RESTRICT", "d": "SET DEFAULT"}
    found = {(table, column): (target, actions[action]) for table, column, target, action in rows}
    assert {key: found.get(key) for key in FOREIGN_KEYS} == FOREIGN_KEYS


@pytest.mark.parametrize(("table", "column"), CHECKS)
def test_checks(catalogue: psycopg.Connection, table: str, column: str) -> None:
    row = catalogue.execute(
        "SELECT pg_get_constraintdef(oid), convalidated FROM pg_constraint "
        "WHERE contype = 'c' AND conname = %s AND conrelid = to_regclass(%s)",
        [f"{table}_{column}_check", f"public.{table}"],
    ).fetchone()
    assert row is not None
    definition, validated = row
    assert set(re.findall(r"'(\w+)'", definition)) == CHECKS[table, column]
    assert validated


def test_indexes(catalogue: psycopg.Connection) -> None:
    rows = catalogue.execute(
        "SELECT c.relname, t.relname, string_agg(a.attname, ', ' ORDER BY k.position), i.indisunique "
        "FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_class t ON t.oid = indrelid "
        "CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(number, position) "
        "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number "
        "WHERE t.relnamespace = 'public'::regnamespace GROUP BY 1, 2, 4"
    ).fetchall()
    found = {index: (table, columns, unique) for index, table, columns, unique in rows}
    assert {index: found.get(index) for index in INDEXES} == INDEXES
    assert {table: found[f"{table}_pkey"][1] for table in PRIMARY_KEYS} == PRIMARY_KEYS
    # a UNIQUE constraint and its index are one object, so no two indexes of a table cover the same columns
    unique_columns = [(table, columns) for table, columns, unique in found.values() if unique]
    assert len(unique_columns) == len(set(unique_columns))
