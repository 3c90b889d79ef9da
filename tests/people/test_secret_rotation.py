"""Rotating the secret key: killed anywhere, while others read and write what is stored, and dropping the old one."""

from __future__ import annotations

import asyncio
import json
import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data import key_file, resealing
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import MARK, SecretBox, SecretUnreadable
from datapulse_tui.errors import Conflict, Invalid, NotAllowed
from datapulse_tui.people import api_keys, secret_rotation
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.key_sign_in import KeyRefused, authenticate
from datapulse_tui.people.rules import ROLE_PERMISSIONS, Role
from tests.people.conftest import OPERATOR, Add
from tests.processes import Conversation

FIELDS = frozenset({"password"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secret.key"


@pytest.fixture
def box(path: Path) -> SecretBox:
    return SecretBox(None, path)


def mode_of(path: Path) -> int | None:
    """The mode of a file; None when there is none."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def run(data: Database, sql: str, **values: object) -> list[Any]:
    async with data.transaction() as session:
        done = await session.execute(text(sql), values)
        return list(done.all()) if done.returns_rows else []


async def fill(data: Database, box: SecretBox, sources: int = 60) -> None:
    """Sources, a channel and deliveries whose secrets say which they are; numbers that a careless copy would round."""
    async with data.transaction() as session:
        for n in range(sources):
            config = box.seal({"host": f"h{n}", "port": 5432, "password": f"secret of s{n}"}, FIELDS)
            statement = text(
                "INSERT INTO data_sources (name, type, connection_config) "
                "VALUES (:name, 'postgresql', CAST(:config AS jsonb) || '{\"precise\": 0.10000000000000000001}')"
            )
            await session.execute(statement, {"name": f"s{n}", "config": json.dumps(config)})
        channel = box.seal({"host": "mail", "password": "secret of mail"}, FIELDS)
        await session.execute(
            text("INSERT INTO notification_channels (name, type, config) VALUES ('mail', 'email', :config)"),
            {"config": json.dumps(channel)},
        )
        for n in range(20):
            payload = {"n": n, "parts": [{"code": {MARK: box.encrypt(f"code {n}")}}]} if n % 2 else {"n": n}
            await session.execute(
                text(
                    "INSERT INTO deliveries (key, kind, channel_type, payload) "
                    "VALUES (:key, 'message', 'email', CAST(:payload AS jsonb))"
                ),
                {"key": f"d{n}", "payload": json.dumps(payload)},
            )


async def everything(data: Database) -> dict[str, dict[str, Any]]:
    found = {}
    for sql in ("SELECT name AS key, connection_config AS c FROM data_sources",
                "SELECT name AS key, config AS c FROM notification_channels",
                "SELECT key, payload AS c FROM deliveries"):  # fmt: skip
        found |= {row.key: row.c for row in await run(data, sql)}
    return found


async def check_all(data: Database, box: SecretBox) -> None:
    """Every secret is what it was."""
    for name, document in (await everything(data)).items():
        if name.startswith("d"):
            n = int(name[1:])
            if n % 2:
                assert box.decrypt(document["parts"][0]["code"][MARK]) == f"code {n}"
        else:
            assert box.unseal(document)["password"] == f"secret of {name}"


async def test_all_comes_under_a_new_key_and_the_old_one_goes(data: Database, box: SecretBox, path: Path) -> None:
    await fill(data, box)
    [old] = box.keys()
    untouched = await run(data, "SELECT id, updated_at, version FROM notification_channels")
    steps: list[resealing.Step] = []
    done = await secret_rotation.rotate(data, OPERATOR, box, steps.append)
    assert (done.new_key, done.changed) == (True, 71)
    assert [(each.store.label, each.seen, each.changed) for each in steps] == [
        ("sources", 60, 60), ("channels", 1, 1), ("deliveries", 10, 10),
    ]  # fmt: skip
    new, second = box.keys()
    assert second == old != new
    assert mode_of(path) == 0o600
    await check_all(data, SecretBox([new], path))
    with pytest.raises(SecretUnreadable):
        await check_all(data, SecretBox([old], path))
    assert await run(data, "SELECT id, updated_at, version FROM notification_channels") == untouched
    [row] = await run(data, "SELECT CAST(connection_config AS text) AS c FROM data_sources WHERE name = 's7'")
    assert "0.10000000000000000001" in row.c
    # again changes nothing, and makes no further key
    again = await secret_rotation.rotate(data, OPERATOR, box)
    assert (again.new_key, again.changed, box.keys()) == (False, 0, (new, old))
    assert await secret_rotation.drop_old(data, OPERATOR, box, settled=0) == 1
    assert key_file.read(path, make=False).keys == (new,)
    assert await secret_rotation.drop_old(data, OPERATOR, box, settled=0) == 0
    await check_all(data, SecretBox(None, path))
    actions = [row.action for row in await run(data, "SELECT action, details FROM audit_logs ORDER BY seq")]
    assert actions == ["secrets.key_added", "secrets.rotated", "secrets.keys_dropped"]
    trail = str(await run(data, "SELECT to_jsonb(a) FROM audit_logs a"))
    assert new not in trail
    assert old not in trail
    assert sorted(each.name for each in path.parent.iterdir()) == ["secret.key", "secret.key.lock"]


async def test_nothing_is_dropped_that_something_needs(data: Database, box: SecretBox, path: Path) -> None:
    await fill(data, box, 3)
    [old] = box.keys()
    new = Fernet.generate_key().decode()
    key_file.replace(path, (new, old))
    with pytest.raises(Conflict, match="14 stored secrets"):
        await secret_rotation.drop_old(data, OPERATOR, box, settled=0)
    assert box.keys() == (new, old)
    await secret_rotation.rotate(data, OPERATOR, box)
    async with data.transaction() as session:
        # somebody stores under the old key while it is being dropped: that is waited for, and seen
        config = json.dumps(SecretBox([old], path).seal({"password": "secret of late"}, FIELDS))
        await session.execute(
            text("INSERT INTO notification_channels (name, type, config) VALUES ('late', 'sms', :config)"),
            {"config": config},
        )
        dropping = asyncio.create_task(secret_rotation.drop_old(data, OPERATOR, box, settled=0))
        await asyncio.sleep(0.3)
        assert not dropping.done()
    with pytest.raises(Conflict, match="1 stored secrets"):
        await dropping
    assert box.keys() == (new, old)
    await secret_rotation.rotate(data, OPERATOR, box)
    assert await secret_rotation.drop_old(data, OPERATOR, box, settled=0) == 1
    await check_all(data, SecretBox([new], path))


async def test_what_no_key_opens_is_told_and_left(data: Database, box: SecretBox) -> None:
    await fill(data, box, 2)
    stranger = SecretBox([Fernet.generate_key().decode()], Path("unused"))
    lost = json.dumps(stranger.seal({"password": "gone", "note": "kept"}, FIELDS))
    await run(data, "UPDATE data_sources SET connection_config = CAST(:lost AS jsonb) WHERE name = 's1'", lost=lost)
    await secret_rotation.rotate(data, OPERATOR, box)
    async with data.reading() as session:
        found = await secret_rotation.status(session, OPERATOR, box)
    assert (found.keys, found.earlier, found.unreadable) == (2, 0, 1)
    assert (await everything(data))["s1"] == json.loads(lost)
    assert await secret_rotation.drop_old(data, OPERATOR, box, settled=0) == 1


async def test_only_an_operator_turns_keys(data: Database, box: SecretBox) -> None:
    await fill(data, box, 1)
    admin = Actor(None, "somebody", permissions=ROLE_PERMISSIONS[Role.ADMIN])
    for call in (secret_rotation.rotate(data, admin, box), secret_rotation.drop_old(data, admin, box)):
        with pytest.raises(NotAllowed, match="operator"):
            await call
    async with data.reading() as session:
        with pytest.raises(NotAllowed):
            await secret_rotation.status(session, admin, box)
    assert len(box.keys()) == 1


async def test_before_there_is_any_secret(data: Database, box: SecretBox, path: Path) -> None:
    async with data.reading() as session:
        assert (await secret_rotation.status(session, OPERATOR, box)).keys == 0
    with pytest.raises(Invalid, match="no secret key yet"):
        await secret_rotation.rotate(data, OPERATOR, box)
    assert await secret_rotation.drop_old(data, OPERATOR, box) == 0
    assert mode_of(path) is None


async def test_keys_of_the_environment(data: Database, path: Path) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    await fill(data, SecretBox([old], path), 3)
    with pytest.raises(Invalid, match="NEW,OLD"):
        await secret_rotation.rotate(data, OPERATOR, SecretBox([old], path))
    both = SecretBox([new, old], path)
    done = await secret_rotation.rotate(data, OPERATOR, both)
    assert (done.new_key, done.changed) == (False, 14)
    await check_all(data, SecretBox([new], path))
    with pytest.raises(Invalid, match="DATAPULSE_SECRET_KEY"):
        await secret_rotation.drop_old(data, OPERATOR, both)
    assert mode_of(path) is None


async def test_api_keys_that_were_not_used_since_hold_the_old_key(data: Database, add: Add, box: SecretBox) -> None:
    ana = await add("ana", role="analyst")
    async with data.transaction() as session:
        actor = await actor_for(session, ana)
        used, idle = [
            await api_keys.create(session, actor, box, name=name, scopes=["dashboard:view"])
            for name in ("used", "idle")
        ]
    await secret_rotation.rotate(data, OPERATOR, box)
    await authenticate(data, box, used.key.get_secret_value())
    async with data.reading() as session:
        found = await secret_rotation.status(session, OPERATOR, box)
    assert (found.api_keys, found.api_keys_earlier) == (2, 1)
    with pytest.raises(Conflict, match="1 API keys were not used"):
        await secret_rotation.drop_old(data, OPERATOR, box, settled=0)
    assert await secret_rotation.drop_old(data, OPERATOR, box, settled=0, end_api_keys=True) == 1
    assert (await authenticate(data, box, used.key.get_secret_value())).user_id == ana
    with pytest.raises(KeyRefused):
        await authenticate(data, box, idle.key.get_secret_value())
    [row] = await run(data, "SELECT is_active FROM api_keys WHERE name = 'idle'")
    assert not row.is_active


async def test_two_rotations_at_once(data: Database, box: SecretBox, path: Path) -> None:
    await fill(data, box, 20)
    done = await asyncio.gather(
        *(secret_rotation.rotate(data, OPERATOR, SecretBox(None, path)) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in done) == ["Conflict", "Conflict", "Rotated"]
    assert len(box.keys()) == 2


def rotation(url: str, path: Path) -> Conversation:
    environment = os.environ | {"ROTATION_URL": url, "ROTATION_KEY": str(path)}
    return Conversation.begin("tests.people.rotation_process", environment=environment)


async def rounds(data: Database, path: Path, url: str, times: int) -> None:
    """Rotate in a process that is killed at random, `times` times, while a desk goes on reading and storing."""
    dice = random.Random(5)
    desk = SecretBox(None, path)  # made before, and never told of anything
    await fill(data, desk)
    stop = asyncio.Event()
    stored = [0]

    async def read() -> None:
        while not stop.is_set():
            await check_all(data, desk)

    async def store() -> None:
        while not stop.is_set():
            name = f"s{1_000 + stored[0]}"
            config = json.dumps(desk.seal({"password": f"secret of {name}"}, FIELDS))
            sql = (
                "INSERT INTO data_sources (name, type, connection_config) VALUES (:name, 'csv', CAST(:config AS jsonb))"
            )
            await run(data, sql, name=name, config=config)
            sql = "UPDATE data_sources SET connection_config = CAST(:config AS jsonb) WHERE name = :name"
            again = f"s{dice.randrange(60)}"
            config = json.dumps(desk.seal({"password": f"secret of {again}"}, FIELDS))
            await run(data, sql, name=again, config=config)
            stored[0] += 1
            await asyncio.sleep(0.005)

    others = [asyncio.create_task(read()), asyncio.create_task(store())]
    for _ in range(times):
        process = rotation(url, path)
        for _ in range(dice.randrange(1, 9)):
            await asyncio.to_thread(process.answers.readline)
        await asyncio.sleep(dice.uniform(0, 0.01))
        await asyncio.to_thread(process.kill)
        assert not any(each.done() for each in others)
    await secret_rotation.rotate(data, OPERATOR, SecretBox(None, path))
    assert await secret_rotation.drop_old(data, OPERATOR, SecretBox(None, path), settled=0.2) == 1
    await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*others)
    assert stored[0] > 3
    await check_all(data, SecretBox(None, path))
    assert len(key_file.read(path, make=False).keys) == 1


async def test_killed_while_others_read_and_store(data: Database, path: Path, database_url: str) -> None:
    await rounds(data, path, database_url, 3)


@pytest.mark.soak
async def test_killed_many_times(data: Database, path: Path, database_url: str) -> None:
    for _ in range(20):
        await run(data, "DELETE FROM data_sources")
        await run(data, "DELETE FROM deliveries")
        await run(data, "DELETE FROM notification_channels")
        await rounds(data, path, database_url, 8)
