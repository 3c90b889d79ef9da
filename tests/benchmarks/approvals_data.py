"""A workspace with 100,000 pending requests and as many that are decided, made by SQL on a real embedded server."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from datapulse_tui.audit.actor import Actor
from datapulse_tui.config import Settings
from datapulse_tui.data import migrate
from datapulse_tui.data.addresses import embedded_server
from datapulse_tui.data.embedded import erase
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role

PENDING = 100_000
PEOPLE = {"ada": Role.ADMIN, "olga": Role.OPS_MANAGER, "otto": Role.OPS_MANAGER, "bea": Role.BUSINESS_USER}

# Of the pending ones eight in ten wait for whoever decides requests, one for an administrator, one for Otto in person;
# every hundredth is Bea's, and one in seven hundred has a first vote of two. Of the decided ones Olga decided every
# fifth. What is pending has up to three days left, or is late. The guards are off while this is written.
_FILL = f"""
SELECT setseed(0.5);
INSERT INTO users (email, name, password, role, status) VALUES
    {", ".join(f"('{nick}@example.org', '{nick.title()}', '!', '{role}', 'active')" for nick, role in PEOPLE.items())};
INSERT INTO users (email, name, password, role, status)
    SELECT 'p' || n || '@example.org', 'Person ' || n, '!', 'business_user', 'active' FROM generate_series(1, 2000) n;
INSERT INTO notification_channels (name, type, is_default) VALUES ('mail', 'email', true);
CREATE TEMP TABLE askers AS SELECT row_number() OVER (ORDER BY email) - 1 AS n, id FROM users WHERE email LIKE 'p%';
ANALYZE askers;
ALTER TABLE workflows DISABLE TRIGGER USER;
ALTER TABLE workflow_votes DISABLE TRIGGER USER;
INSERT INTO workflows (requester_id, type, status, priority, subject, details, audience, quorum, due_at, expires_at,
        timer_at, created_at)
    SELECT CASE WHEN nr % 100 = 0 THEN bea.id ELSE a.id END, 'free_form', 'pending',
        (ARRAY['normal', 'low', 'high', 'critical'])[1 + nr % 4],
        (ARRAY['a new screen', 'a week off', 'the numbers of May', 'a bigger desk'])[1 + nr / 7 % 4] || ' ' || nr,
        jsonb_build_object('subject', 'number ' || nr, 'text', '', 'whom', jsonb_build_object('name', 'anybody',
            'email', ''), 'fields', jsonb_build_object('subject', 'number ' || nr, 'text', '', 'person', '',
            'department', ''), 'refused', '[]'::jsonb),
        ARRAY[CASE nr % 10 WHEN 0 THEN 'role:admin' WHEN 1 THEN 'user:' || otto.id
              ELSE 'permission:workflow:decide' END],
        CASE WHEN nr % 700 = 2 THEN 2 ELSE 1 END, now() + (random() * 4 - 1) * interval '1 day',
        now() + interval '30 days', now() + interval '1 day', now() - random() * interval '3 days'
    FROM generate_series(0, {PENDING} - 1) nr JOIN askers a ON a.n = nr % 2000, users bea, users otto
    WHERE bea.email = 'bea@example.org' AND otto.email = 'otto@example.org';
INSERT INTO workflow_votes (workflow_id, actor_id, principal_id, vote, version)
    SELECT w.id, ada.id, ada.id, 'approve', 1 FROM workflows w, users ada
    WHERE w.quorum = 2 AND ada.email = 'ada@example.org';
INSERT INTO workflows (requester_id, type, status, outcome, priority, subject, details, audience, approver_id, due_at,
        decided_at, resolved_at, effect_state, created_at)
    SELECT a.id, (ARRAY['dashboard_access', 'role_grant', 'free_form'])[1 + nr % 3],
        CASE nr % 4 WHEN 0 THEN 'rejected' ELSE 'completed' END, CASE nr % 4 WHEN 0 THEN 'rejected' ELSE 'approved' END,
        'normal', 'something old ' || nr, '{{"fields": {{}}, "refused": []}}', ARRAY['permission:workflow:decide'],
        CASE nr % 5 WHEN 0 THEN olga.id ELSE ada.id END, made.at + interval '1 day', made.at + interval '5 hours',
        made.at + interval '5 hours', CASE nr % 4 WHEN 0 THEN 'none' ELSE 'done' END, made.at
    FROM generate_series(1, {PENDING}) nr JOIN askers a ON a.n = nr % 2000, users ada, users olga,
        LATERAL (SELECT now() - (5 + random() * 360 + nr * 0) * interval '1 day' AS at) made
    WHERE ada.email = 'ada@example.org' AND olga.email = 'olga@example.org';
INSERT INTO workflow_votes (workflow_id, actor_id, principal_id, vote, comment, version, created_at)
    SELECT id, approver_id, approver_id, CASE outcome WHEN 'rejected' THEN 'reject' ELSE 'approve' END, 'so', 1,
        decided_at
    FROM workflows WHERE status <> 'pending';
INSERT INTO workflow_events (workflow_id, at, kind, actor_id, details)
    SELECT id, created_at, 'requested', requester_id, jsonb_build_object('waits_for', 'anybody who decides requests',
        'fallback', jsonb_build_object('words', '["role:admin"]'::jsonb, 'in_words', 'an administrator'))
    FROM workflows;
ALTER TABLE workflows ENABLE TRIGGER USER;
ALTER TABLE workflow_votes ENABLE TRIGGER USER;
"""
_VACUUM = ("workflows", "workflow_votes", "workflow_events", "users")


@dataclass(frozen=True)
class ApprovalsWorkspace:
    """Where it is: addresses for SQLAlchemy and for libpq, and who looks."""

    url: str
    dsn: str
    people: dict[str, Actor]


@contextlib.contextmanager
def approvals_workspace() -> Iterator[ApprovalsWorkspace]:
    """The workspace; takes about half a minute to make."""
    with tempfile.TemporaryDirectory(prefix="dp-approvals-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        server = embedded_server(Settings(home=home).home)
        try:
            migrate.upgrade(server.owner_url)
            owner = make_url(server.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(owner, autocommit=True) as connection:
                for statement in _FILL.split(";\n"):
                    if statement.strip():
                        connection.execute(statement.encode())
                for table in _VACUUM:
                    connection.execute(f"VACUUM ANALYZE {table}".encode())
                rows = connection.execute("SELECT email, id FROM users WHERE email NOT LIKE 'p%'").fetchall()
            ids: dict[str, UUID] = dict(rows)
            url = make_url(server.owner_url).set(username="datapulse_app").render_as_string(hide_password=False)
            app = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
            yield ApprovalsWorkspace(url, app, {nick: _actor(nick, role, ids) for nick, role in PEOPLE.items()})
        finally:
            server.release()
            erase(home)


def _actor(nick: str, role: Role, ids: dict[str, UUID]) -> Actor:
    email = f"{nick}@example.org"
    return Actor(ids[email], nick.title(), ROLE_PERMISSIONS[role], role=role, email=email)
