"""Every column in which secrets are sealed is one that `secrets rotate` knows.

Two nets, as neither holds everything: who seals is found in the source of the program, whether or not a test runs it;
and after all of them have sealed something, every column of the database is looked through for what they made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql

import datapulse_tui
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data import models
from datapulse_tui.data.base import Base
from datapulse_tui.data.database import Database
from datapulse_tui.data.resealing import STORES
from datapulse_tui.data.secrets import MARK, SecretBox
from datapulse_tui.notify.service import create_channel, update_channel
from datapulse_tui.people import invitations
from datapulse_tui.sources.service import add_source, update_source
from tests.databases import dsn

OPERATOR = Actor(None, "operator:tester@here", everything=True)
ROOT = Path(datapulse_tui.__file__).parent
SEALING = {"seal", "encrypt"}  # what SecretBox makes tokens with
BY_HAND = {"MARK", "Fernet", "MultiFernet"}  # with what somebody could make one without it

# Who seals, and the column in which it is kept. Whoever is new here adds the column to `resealing.STORES` as well, and
# the call to `everybody_seals`.
KNOWN = {
    "notify.service.channels._sealed": "notification_channels.config",
    "people.invitations._mail": "deliveries.payload",
    "sources.service.sources.add_source": "data_sources.connection_config",
    "sources.service.sources.update_source": "data_sources.connection_config",
}
OTHERS = {
    "audit.purge": "seals of the trail are hashes, and no secrets",
    "audit.verify": "the same",
    "jobs.worker": "the same: the worker's sealer of the trail",
    "data.secrets": "is the box itself",
    "data.key_file": "makes the keys",
    "data.resealing": "brings what is sealed under another key",
}


def sealers(source: str, module: str) -> Iterator[str]:
    """The functions of a module that name what seals: called, or handed on to be called (`to_thread(box.seal)`)."""

    left: list[tuple[ast.AST, str]] = [(ast.parse(source), module)]
    while left:
        node, inside = left.pop()
        for child in ast.iter_child_nodes(node):
            if _seals(child):
                yield inside
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            left.append((child, f"{inside}.{child.name}" if named else inside))


def _seals(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in SEALING
    if isinstance(node, ast.Call):  # getattr(box, "seal")
        words = {each.value for each in node.args if isinstance(each, ast.Constant)}
        return isinstance(node.func, ast.Name) and node.func.id == "getattr" and not SEALING.isdisjoint(words)
    if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2] in ("secrets", "fernet"):
        return not BY_HAND.isdisjoint(each.name for each in node.names)
    return isinstance(node, ast.Constant) and node.value == MARK


def test_whoever_seals_is_known() -> None:
    found = set()
    for path in ROOT.rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if module not in OTHERS:
            found |= set(sealers(path.read_text(encoding="utf-8"), module))
    assert found == KNOWN.keys(), "Somebody new seals (or one is gone): see KNOWN, resealing.STORES, everybody_seals."
    assert set(KNOWN.values()) == {f"{store.table}.{store.column}" for store in STORES}


@pytest.mark.parametrize(
    "body",
    [
        "row.token = box.seal({'a': 'b'}, FIELDS)",
        "row.token = await asyncio.to_thread(box.seal, {}, FIELDS)",
        "row.token = secrets.encrypt(text)",
        "from datapulse_tui.data.secrets import MARK",
        "row.token = {'$secret': made}",
        "from cryptography.fernet import Fernet",
        "row.token = getattr(box, 'encrypt')(text)",
    ],
)
def test_no_way_to_seal_is_overlooked(body: str) -> None:
    assert set(sealers(f"class Store:\n    async def keep(self):\n        {body}\n", "room")) == {"room.Store.keep"}


def test_the_stores_are_columns_of_json() -> None:
    assert models is not None
    for store in STORES:
        assert "JSON" in str(Base.metadata.tables[store.table].columns[store.column].type), store


def sealed_columns(owner_url: str) -> set[str]:
    """The columns in which something sealed stands, of all tables that there are and whatever their types."""
    found = set()
    with psycopg.connect(dsn(owner_url)) as connection:
        columns = connection.execute(
            "SELECT c.table_schema, c.table_name, c.column_name FROM information_schema.columns c "
            "JOIN information_schema.tables t USING (table_schema, table_name) "
            "WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table, column in columns:
            # A token without its mark is one as well: Fernet's begin with its version and the first bytes of the time.
            look = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE CAST({} AS text) LIKE ANY(%s))").format(
                sql.Identifier(schema, table), sql.Identifier(column)
            )
            if connection.execute(look, [[f'%"{MARK}"%', "%gAAAAA%"]]).fetchone() == (True,):
                found.add(f"{table}.{column}")
    return found


async def everybody_seals(data: Database, box: SecretBox) -> None:
    """Have every one of KNOWN seal something."""
    mail = {"host": "localhost", "port": 25, "security": "none", "sender": "pulse@example.com", "username": "pulse"}
    source = {"host": "localhost", "port": 5432, "dbname": "shop", "user": "reader"}
    async with data.transaction() as session:
        await create_channel(
            session, OPERATOR, box, name="mail", type="email", config={**mail, "password": "secret of mail"}
        )
        await update_channel(session, OPERATOR, box, "mail", changes={"password": "another of mail"})
        await add_source(
            session, OPERATOR, box, name="shop", type="postgresql", config={**source, "password": "secret of shop"}
        )
        await update_source(session, OPERATOR, box, "shop", changes={"password": "another of shop"})
        await invitations.invite(session, OPERATOR, email="ana@example.com", name="Ana", role="analyst")


async def test_what_is_sealed_stands_in_the_stores_and_nowhere_else(
    database_url: str, owner_url: str, tmp_path: Path
) -> None:
    box = SecretBox([Fernet.generate_key().decode()], tmp_path)
    data = Database(database_url, secrets=lambda: box)
    try:
        await everybody_seals(data, box)
    finally:
        await data.dispose()
    stores = {f"{store.table}.{store.column}" for store in STORES}
    assert sealed_columns(owner_url) == stores
    token = box.encrypt("x")
    with psycopg.connect(dsn(owner_url), autocommit=True) as connection:  # another column would be seen
        connection.execute("ALTER TABLE users ADD COLUMN pin text")
        connection.execute("UPDATE users SET pin = %s", [token])
    assert sealed_columns(owner_url) == stores | {"users.pin"}
