"""Channels: made, changed, tested and deleted, with secrets that never come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, NotFound
from datapulse_tui.notify import reads, service
from datapulse_tui.notify.service import create_channel, delete_channel, update_channel
from tests.notify.outbox import SIGNING, SYSTEM, World, sending
from tests.notify.receivers import Answer, http_receiver, mailbox

LOOKING = Actor(uuid4(), "Lou", frozenset({"delivery:view"}))
CONFIG = {"url": "https://example.com/hook/secret-part", "secret": SIGNING}


async def change(world: World, channel: Any, **changes: Any) -> None:
    async with world.data.transaction() as session:
        await update_channel(session, SYSTEM, world.secrets, channel, **changes)


async def everything(world: World) -> str:
    """All that is stored about channels, and the whole trail."""
    channels = await world.all("SELECT to_jsonb(c) AS row FROM notification_channels c")
    trail = await world.all("SELECT to_jsonb(a) AS row FROM audit_logs a")
    return json.dumps([row.row for row in (*channels, *trail)])


async def test_a_channel_and_its_secrets(world: World) -> None:
    made = await world.webhook(str(CONFIG["url"]), "Ops hook")
    async with world.data.reading() as session:
        [row] = await reads.channels(session, LOOKING)
        view = await reads.get_channel(session, LOOKING, "Ops hook")
    assert (row.id, row.name, row.type, row.is_default, row.is_active) == (made, "Ops hook", "webhook", True, True)
    assert row.address == "https://example.com/…"
    assert view.config == {"url": "•••", "secret": "•••"}
    await change(world, "Ops hook", changes={"secret": "another secret of ours"}, name="Hook")
    stored = await everything(world)
    assert SIGNING not in stored
    assert "secret-part" not in stored
    assert "another secret" not in stored
    actions = [row.action for row in await world.all("SELECT action FROM audit_logs ORDER BY created_at")]
    assert actions == ["channel.added", "channel.updated"]


async def test_one_default_of_each_type(world: World) -> None:
    first, second = await world.webhook(str(CONFIG["url"]), "one"), await world.webhook(str(CONFIG["url"]), "two")
    defaults = "SELECT name FROM notification_channels WHERE is_default"
    assert [row.name for row in await world.all(defaults)] == ["one"]
    await change(world, second, default=True)
    assert [row.name for row in await world.all(defaults)] == ["two"]
    await change(world, first, active=False)
    with pytest.raises(Conflict):
        await change(world, first, name="two")
    with pytest.raises(Conflict):
        await change(world, first, name="three", version=1)
    with pytest.raises(Conflict):
        await world.webhook(str(CONFIG["url"]), "one")
    with pytest.raises(Invalid):
        await change(world, first, changes={"secret": None})
    with pytest.raises(NotFound):
        await change(world, "nobody", active=True)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "a\x1b[31mb"])
async def test_names_that_are_none(world: World, name: str) -> None:
    async with world.data.transaction() as session:
        with pytest.raises(Invalid):
            await create_channel(session, SYSTEM, world.secrets, name=name, type="webhook", config=CONFIG)


async def test_only_who_may_manage(world: World) -> None:
    channel = await world.webhook(str(CONFIG["url"]))
    async with world.data.transaction() as session:
        with pytest.raises(NotAllowed):
            await create_channel(session, LOOKING, world.secrets, name="x", type="webhook", config=CONFIG)
        with pytest.raises(NotAllowed):
            await update_channel(session, LOOKING, world.secrets, channel, active=False)
        with pytest.raises(NotAllowed):
            await delete_channel(session, LOOKING, channel)
        with pytest.raises(NotAllowed):
            await reads.channels(session, Actor(uuid4(), "Nobody"))
    with pytest.raises(NotAllowed):
        await service.test_channel(world.data, world.secrets, LOOKING, channel)


async def test_deleting_fails_what_waits(world: World) -> None:
    with http_receiver() as hook:
        channel = await world.webhook(hook.url, "Hook")
        await world.webhook(hook.url, "Other")
        await world.queue(world.intent("webhook", None))
        async with world.data.transaction() as session:
            assert await delete_channel(session, SYSTEM, channel) == "Hook"
        async with sending(world) as drain:
            await drain()
        assert hook.requests == []
    [row] = await world.all("SELECT status, reason, channel_id FROM deliveries")
    assert tuple(row) == ("failed", "The channel Hook was deleted before this was sent.", None)


async def test_a_test_is_sent_now_and_kept(world: World) -> None:
    with http_receiver() as hook:
        channel = await world.webhook(hook.url)
        hook.answers = [Answer(200, b"fine"), Answer(500, b"broken")]
        result = await service.test_channel(world.data, world.secrets, SYSTEM, channel)
        assert (result.sent, result.answer) == (True, "HTTP 200: fine")
        result = await service.test_channel(world.data, world.secrets, SYSTEM, "the webhook")
        assert (result.sent, result.answer) == (False, "HTTP 500: broken")
        assert json.loads(hook.requests[0].body)["items"] == [{"kind": "test"}]
    async with world.data.reading() as session:
        [row] = await reads.channels(session, SYSTEM)
        kept = (await reads.deliveries(session, SYSTEM)).items
    assert row.problem == "HTTP 500: broken"
    assert [(each.kind, each.status) for each in kept] == [("test", "failed"), ("test", "sent")]
    assert (await world.one("SELECT count(*) AS n FROM audit_logs WHERE action = 'channel.tested'")).n == 2


async def test_a_test_of_mail_goes_to_whoever_asks(world: World) -> None:
    ana = Actor(world.person, "Ana", frozenset({"delivery:manage"}), email="ana@example.com")
    with mailbox() as box:
        channel = await world.email(box.port)
        assert (await service.test_channel(world.data, world.secrets, ana, channel)).sent
        assert (await service.test_channel(world.data, world.secrets, ana, channel, to="bob@example.com")).sent
        with pytest.raises(Invalid):
            await service.test_channel(world.data, world.secrets, SYSTEM, channel)
        assert [mail.rcpt_tos for mail in box.mails] == [["ana@example.com"], ["bob@example.com"]]
    with pytest.raises(NotFound):
        await service.test_channel(world.data, world.secrets, ana, "nothing")


async def test_a_worker_without_the_key_says_so_and_tries_again(world: World, tmp_path: Path) -> None:
    await world.webhook("http://127.0.0.1:1/")
    await world.queue(world.intent("webhook", None))
    other = World(world.data, SecretBox((Fernet.generate_key().decode(),), tmp_path / "x"), world.person, world.rule)
    async with sending(other) as drain:
        await drain()
    [row] = await world.all("SELECT status, answer FROM deliveries")
    assert row.status == "pending"
    assert "key of this worker" in row.answer
