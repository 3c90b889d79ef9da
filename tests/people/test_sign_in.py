from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg
import pytest

from datapulse_tui.data.database import Database
from datapulse_tui.errors import NotFound
from datapulse_tui.people import passwords, rules, service
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.sign_in import NotActive, SignInDelayed, SignInFailed, sign_in
from tests.databases import dsn
from tests.people.conftest import OPERATOR, PASSWORD, Add


def rows(url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn(url), autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


async def test_the_right_password(data: Database, add: Add, owner_url: str) -> None:
    user_id = await add("ana", role="analyst")
    actor = await sign_in(data, " ANA@example.com ", PASSWORD, ip="10.0.0.7", user_agent="ssh")
    assert (actor.user_id, actor.role, actor.email, actor.label) == (user_id, "analyst", "ana@example.com", "Ana")
    assert actor.permissions == rules.ROLE_PERMISSIONS[rules.Role.ANALYST]
    assert not actor.everything
    assert rows(owner_url, "SELECT last_login > now() - interval '1 min', updated_at = created_at FROM users") == [
        (True, True)
    ]
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(0,)]
    assert rows(
        owner_url,
        "SELECT user_id, actor, ip_address, user_agent, details FROM audit_logs WHERE action = 'user.signed_in'",
    ) == [(user_id, None, "10.0.0.7", "ssh", {})]


async def test_wrong_unknown_and_without_password_look_the_same(data: Database, add: Add, owner_url: str) -> None:
    await add("ana")
    await add("new", password=None, activate=False)
    texts = set()
    for email, password in (
        ("ana@example.com", "not the password"),
        ("nobody@example.com", PASSWORD),
        ("new@example.com", "!"),
        ("no address", PASSWORD),
        ("ana@example.com", "x" * 80),
    ):
        with pytest.raises(SignInFailed) as caught:
            await sign_in(data, email, password)
        assert type(caught.value) is SignInFailed
        texts.add(str(caught.value))
    assert len(texts) == 1
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(5,)]
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts WHERE email LIKE '%%no address%%'") == [(0,)]
    failed = rows(
        owner_url,
        "SELECT user_id, actor, resource_id IS NULL, details FROM audit_logs WHERE action = 'user.sign_in_failed'",
    )
    assert failed == [(None, "sign-in", False, {"note": {"reason": "wrong password"}})] * 3


async def test_each_way_checks_one_password(data: Database, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    await add("ana")
    await add("new", password=None, activate=False)
    checked: list[bytes] = []
    real = passwords._bcrypt_check
    monkeypatch.setattr(passwords, "_bcrypt_check", lambda a, b: (checked.append(b[:7]), real(a, b))[1])
    for email in ("ana@example.com", "nobody@example.com", "new@example.com"):
        with pytest.raises(SignInFailed):
            await sign_in(data, email, "not the password")
    assert checked == [b"$2b$04$"] * 3


async def test_the_status_is_said_to_who_knows_the_password_only(data: Database, add: Add) -> None:
    await add("new", activate=False)
    gone = await add("gone")
    async with data.transaction() as session:
        await service.deactivate(session, OPERATOR, gone)
    for nick, word in (("new", "waits for its activation"), ("gone", "deactivated")):
        with pytest.raises(SignInFailed, match="wrong"):
            await sign_in(data, f"{nick}@example.com", "not the password")
        with pytest.raises(NotActive, match=word):
            await sign_in(data, f"{nick}@example.com", PASSWORD)


@pytest.mark.parametrize("email", ["ana@example.com", "nobody@example.com"])
async def test_five_failures_delay_known_and_unknown_alike(
    data: Database, add: Add, owner_url: str, email: str
) -> None:
    await add("ana")
    for _ in range(5):
        with pytest.raises(SignInFailed, match="wrong"):
            await sign_in(data, email, "not the password")
    with pytest.raises(SignInDelayed) as caught:
        await sign_in(data, email, PASSWORD)
    assert timedelta(seconds=25) < caught.value.wait <= timedelta(seconds=30)
    # refused unseen: no failure, and the wait does not grow
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(5,)]
    rows(owner_url, "UPDATE sign_in_attempts SET created_at = created_at - interval '31 s'")
    with pytest.raises(SignInFailed) as again:
        await sign_in(data, email, "not the password")
    assert not isinstance(again.value, SignInDelayed)
    with pytest.raises(SignInDelayed, match=r"(59|60) s"):
        await sign_in(data, email, PASSWORD)
    if email.startswith("ana"):
        rows(owner_url, "UPDATE sign_in_attempts SET created_at = created_at - interval '61 s'")
        await sign_in(data, email, PASSWORD)
        assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(0,)]
        noted = rows(owner_url, "SELECT details FROM audit_logs WHERE action = 'user.signed_in'")
        assert noted == [({"note": {"failures_before": 6}},)]


async def test_guesses_at_the_same_time_count_each_other(
    data: Database, add: Add, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve at once through two pools: five passwords are looked at, the others wait."""
    await add("ana")
    looked = 0
    real = passwords.matches

    async def counted(given: str, stored: str | None) -> bool:
        nonlocal looked
        looked += 1
        return await real(given, stored)

    monkeypatch.setattr(passwords, "matches", counted)
    other = Database(database_url)
    try:
        outcomes = await asyncio.gather(
            *(sign_in(one, "ana@example.com", f"guess number {n}") for n in range(6) for one in (data, other)),
            return_exceptions=True,
        )
    finally:
        await other.dispose()
    assert sum(type(one) is SignInFailed for one in outcomes) == 5
    assert sum(isinstance(one, SignInDelayed) for one in outcomes) == 7
    assert looked == 5


async def test_an_attempt_that_dies_in_between_counts(
    data: Database, add: Add, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add("ana")

    async def dies(given: str, stored: str | None) -> bool:
        raise asyncio.CancelledError

    monkeypatch.setattr(passwords, "matches", dies)
    with pytest.raises(asyncio.CancelledError):
        await sign_in(data, "ana@example.com", PASSWORD)
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(1,)]


async def test_a_password_that_changes_meanwhile_is_wrong(
    data: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id = await add("ana")
    real = passwords.matches

    async def changed_meanwhile(given: str, stored: str | None) -> bool:
        async with data.transaction() as session:
            await service.set_password(session, OPERATOR, user_id, "another password")
        return await real(given, stored)

    monkeypatch.setattr(passwords, "matches", changed_meanwhile)
    with pytest.raises(SignInFailed, match="wrong"):
        await sign_in(data, "ana@example.com", PASSWORD)


async def test_old_attempts_are_forgotten(data: Database, owner_url: str) -> None:
    rows(
        owner_url,
        "INSERT INTO sign_in_attempts (email, created_at) SELECT 'x@y', now() - interval '25 h' "
        "FROM generate_series(1, 250)",
    )
    for left in (51, 2):
        with pytest.raises(SignInFailed):
            await sign_in(data, f"nobody{left}@example.com", PASSWORD)
        assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(left,)]


async def test_an_actor_has_the_rights_of_now(data: Database, add: Add, owner_url: str) -> None:
    user_id = await add("ana")
    role = "INSERT INTO roles (name, permissions) VALUES ('x', '[\"source:query\", \"no:such\"]') RETURNING id"
    role_id = rows(owner_url, role)[0][0]
    rows(owner_url, "INSERT INTO user_roles (user_id, role_id) VALUES (%s, %s)", user_id, role_id)
    async with data.reading() as session:
        actor = await actor_for(session, user_id)
        assert actor.can("source:query")
        assert actor.permissions == rules.ROLE_PERMISSIONS[rules.Role.BUSINESS_USER] | {"source:query"}
        assert (await actor_for(session, "ANA@example.com", through="operator:x@y")).recorded_as == "operator:x@y"
    rows(owner_url, "UPDATE users SET status = 'inactive'")
    async with data.reading() as session:
        for person in (user_id, "ana@example.com", "nobody@example.com"):
            with pytest.raises(NotFound):
                await actor_for(session, person)
