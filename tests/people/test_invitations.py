from __future__ import annotations

import asyncio
import email
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.secrets import SecretBox
from datapulse_tui.errors import Conflict, DataPulseError, Invalid, NotAllowed, NotFound
from datapulse_tui.notify.messages import Item, compose
from datapulse_tui.notify.sender import Sender
from datapulse_tui.notify.service import create_channel
from datapulse_tui.people import codes, invitations, passwords, rules, service
from datapulse_tui.people.actors import actor_for
from datapulse_tui.people.attempts import SignInDelayed, SignInFailed
from datapulse_tui.people.invitations import Invited, accept
from datapulse_tui.people.sign_in import sign_in
from tests.databases import dsn
from tests.notify.receivers import mailbox
from tests.people.conftest import OPERATOR, PASSWORD, Add

WISH = "another horse battery"


def rows(url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn(url), autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


async def invite(
    data: Database, to: str = "ana@example.com", *, actor: Actor = OPERATOR, name: str = "Ana", role: str = "analyst"
) -> Invited:
    async with data.transaction() as session:
        return await invitations.invite(session, actor, email=to, name=name, role=role, timezone="Europe/Vienna")


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    return SecretBox((Fernet.generate_key().decode(),), tmp_path / "unused")


@pytest.fixture
async def sealed(database_url: str, box: SecretBox) -> AsyncIterator[Database]:
    """The data layer as `connect` makes it: with the installation's box."""
    database = Database(database_url, secrets=lambda: box)
    yield database
    await database.dispose()


# -- codes -------------------------------------------------------------------------------------------------------------


def test_a_code_is_sixteen_of_crockfords_alphabet_in_groups() -> None:
    code = codes.new_code()
    assert len(code) == 16
    assert set(code) <= set(codes.ALPHABET)
    assert [len(group) for group in codes.shown(code).split("-")] == [4, 4, 4, 4]
    assert len({codes.new_code() for _ in range(100)}) == 100
    assert codes.digest(code) != code.encode()
    assert len(codes.digest(code)) == 32


@given(st.text(codes.ALPHABET, min_size=16, max_size=16), st.randoms())
def test_a_code_is_forgiven_its_looks(code: str, chance: object) -> None:
    choose = chance.choice  # type: ignore[attr-defined]
    alike = {"0": "0Oo", "1": "1IiLl"}
    typed = "".join(choose(alike.get(letter, letter + letter.lower())) + choose(("", "", "-", " ")) for letter in code)
    assert codes.canonical(f"  {typed}\n") == code
    assert codes.canonical(codes.shown(code)) == code


@pytest.mark.parametrize(
    "typed", ["", "7K2M", "7K2M-Q4TD-09WX-ABCDE", "UUUU-UUUU-UUUU-UUUU", "７" * 16, "\0" * 16, "ı" * 16]
)
def test_what_is_no_code_is_refused_without_saying_it(typed: str) -> None:
    with pytest.raises(Invalid) as caught:
        codes.canonical(typed)
    assert not typed or typed not in caught.value.message


def test_a_temporary_password_may_be_used_and_is_long() -> None:
    for _ in range(50):
        password = codes.new_password()
        assert len(password) == 19
        rules.check_new_password(password)


# -- inviting ----------------------------------------------------------------------------------------------------------


async def test_an_invited_person_waits_and_only_the_hash_is_kept(data: Database, owner_url: str) -> None:
    made = await invite(data)
    assert not made.mailed
    assert made.code not in repr(made)
    found = rows(owner_url, "SELECT email, role, status, password, timezone FROM users")
    assert found == [("ana@example.com", "analyst", "pending", "!", "Europe/Vienna")]
    (kept,) = rows(owner_url, "SELECT user_id, code_hash, expires_at - created_at, expires_at FROM invitations")
    assert (kept[0], kept[2], kept[3]) == (made.user_id, timedelta(hours=24), made.expires_at)
    assert kept[1] == codes.digest(codes.canonical(made.code))
    actions = rows(owner_url, "SELECT action, details FROM audit_logs ORDER BY seq")
    assert [action for action, _ in actions] == ["user.added", "user.invited"]
    assert codes.canonical(made.code) not in json.dumps([details for _, details in actions]).replace("-", "")


async def test_who_may_invite(data: Database, add: Add, owner_url: str) -> None:
    desk = await add("desk")
    async with data.reading() as session:
        plain = await actor_for(session, desk)
    for words, said in ((set[str](), "user:create"), ({"user:create"}, "user:activate")):
        with pytest.raises(NotAllowed, match=said):
            await invite(data, actor=with_words(plain, words), role="business_user")
    helper = await with_role(data, owner_url, desk, ["user:create", "user:activate"])
    await invite(data, actor=helper, role="business_user")
    with pytest.raises(NotAllowed, match="give the role admin"):
        await invite(data, "b@example.com", actor=helper, role="admin")
    admin = await invite(data, "root@example.com", role="admin")
    for verb in (invitations.invite_again, invitations.revoke_invitation):
        with pytest.raises(NotAllowed):
            async with data.transaction() as session:
                await verb(session, helper, admin.user_id)
    assert rows(owner_url, "SELECT count(*) FROM users") == [(3,)]


async def with_role(data: Database, owner_url: str, person: UUID, words: list[str]) -> Actor:
    """The person with a custom role of these permissions: rights are read again once it is their turn."""
    role = rows(owner_url, "INSERT INTO roles (name, permissions) VALUES ('helper', %s) RETURNING id", Jsonb(words))
    rows(owner_url, "INSERT INTO user_roles (user_id, role_id) VALUES (%s, %s) RETURNING user_id", person, role[0][0])
    async with data.reading() as session:
        return await actor_for(session, person)


def with_words(actor: Actor, words: set[str]) -> Actor:
    from dataclasses import replace

    return replace(actor, permissions=actor.permissions | words)


async def test_what_cannot_be_invited(data: Database, add: Add) -> None:
    ana = await add("ana")
    waits = await add("waits", activate=False)
    with pytest.raises(Conflict, match="already"):
        await invite(data)
    for who, hint in ((ana, "Reset"), (waits, "Activate")):
        with pytest.raises(Conflict) as caught:
            async with data.transaction() as session:
                await invitations.invite_again(session, OPERATOR, who)
        assert hint in caught.value.hint
    for wrong in ({"to": "nobody"}, {"name": ""}, {"role": "king"}):
        with pytest.raises(Invalid):
            await invite(data, **{"to": "x@example.com", **wrong})
    with pytest.raises(NotFound, match="department"):
        async with data.transaction() as session:
            await invitations.invite(
                session, OPERATOR, email="x@example.com", name="X", role="analyst", department_id=UUID(int=1)
            )


async def test_a_new_code_ends_the_one_before_and_revoking_ends_both(data: Database, owner_url: str) -> None:
    first = await invite(data)
    async with data.transaction() as session:
        second = await invitations.invite_again(session, OPERATOR, first.user_id)
    with pytest.raises(SignInFailed):
        await accept(data, "ana@example.com", first.code, WISH)
    async with data.transaction() as session:
        await invitations.revoke_invitation(session, OPERATOR, first.user_id)
    with pytest.raises(SignInFailed):
        await accept(data, "ana@example.com", second.code, WISH)
    with pytest.raises(Conflict, match="no invitation"):
        async with data.transaction() as session:
            await invitations.revoke_invitation(session, OPERATOR, first.user_id)
    assert rows(owner_url, "SELECT count(*) FROM invitations WHERE revoked_at IS NOT NULL") == [(2,)]
    revoked = "SELECT count(*) FROM audit_logs WHERE action = 'user.invitation_revoked'"
    assert rows(owner_url, revoked) == [(2,)]


# -- the mail ----------------------------------------------------------------------------------------------------------


async def test_the_mail_is_sealed_until_it_is_sent(sealed: Database, box: SecretBox, owner_url: str) -> None:
    config = {"host": "localhost", "port": 2525, "security": "none", "sender": "pulse@example.com"}
    async with sealed.transaction() as session:
        await create_channel(session, OPERATOR, box, name="mail", type="email", config=config)
    made = await invite(sealed, name="Ana [bold]\u202e</b>\u2028{code}")
    assert made.mailed
    ((address, user_id, payload),) = rows(owner_url, "SELECT address, user_id, payload FROM deliveries")
    assert (address, user_id) == ("ana@example.com", None)
    assert isinstance(payload, dict)
    assert set(payload["text"]) == {"$secret"}
    assert made.code not in json.dumps(payload)
    told = compose([Item("message", box.unseal(payload))])
    assert made.code in told.text
    assert "\u202e" not in told.text
    assert "24" not in told.subject
    everything = rows(owner_url, "SELECT string_agg(d::text, ' ') FROM audit_logs d")[0][0]
    assert made.code not in str(everything)
    async with sealed.transaction() as session:
        await invitations.revoke_invitation(session, OPERATOR, made.user_id)
    assert rows(owner_url, "SELECT status, reason FROM deliveries") == [("cancelled", invitations.NOT_SENT)]


async def test_the_mail_brings_the_code(sealed: Database, box: SecretBox, owner_url: str) -> None:
    with mailbox() as inbox:
        config = {"host": "localhost", "port": inbox.port, "security": "none", "sender": "pulse@example.com"}
        async with sealed.transaction() as session:
            await create_channel(session, OPERATOR, box, name="mail", type="email", config=config)
        made = await invite(sealed)
        sender = Sender(sealed, box)
        try:
            await sender.drain()
            async with asyncio.timeout(20):
                await sender.idle()
        finally:
            await sender.close()
        [mail] = inbox.mails
    assert mail.rcpt_tos == ["ana@example.com"]
    text = email.message_from_bytes(mail.content or b"").get_payload(decode=True)
    assert isinstance(text, bytes)
    assert made.code in text.decode()
    assert (await accept(sealed, "ana@example.com", made.code, WISH)).user_id == made.user_id
    left = rows(owner_url, "SELECT status, payload::text LIKE %s, answer FROM deliveries", f"%{made.code}%")
    assert left == [("sent", False, "250 accepted")]


async def test_another_key_than_the_workers_keeps_the_mail_waiting(
    sealed: Database, box: SecretBox, owner_url: str, tmp_path: Path
) -> None:
    with mailbox() as inbox:
        other = SecretBox((Fernet.generate_key().decode(),), tmp_path / "unused")
        config = {"host": "localhost", "port": inbox.port, "security": "none", "sender": "pulse@example.com"}
        async with sealed.transaction() as session:
            await create_channel(session, OPERATOR, other, name="mail", type="email", config=config)
        await invite(sealed)
        sender = Sender(sealed, other)
        try:
            await sender.drain()
            async with asyncio.timeout(20):
                await sender.idle()
        finally:
            await sender.close()
        assert inbox.mails == []
    ((status, answer),) = rows(owner_url, "SELECT status, answer FROM deliveries")
    assert status == "pending"
    assert "cannot be opened with the key" in str(answer)


# -- accepting ---------------------------------------------------------------------------------------------------------


async def test_accepting_activates_and_signs_in(data: Database, owner_url: str) -> None:
    made = await invite(data)
    with pytest.raises(SignInFailed):
        await accept(data, "ana@example.com", codes.shown(codes.new_code()), WISH)
    typed = f" {made.code.lower().replace('-', ' ')} "
    actor = await accept(data, " ANA@example.com", typed, WISH, ip="10.0.0.7", user_agent="desk", kind="desk")
    assert (actor.user_id, actor.role, actor.label) == (made.user_id, "analyst", "Ana")
    assert actor.session_id is not None
    found = rows(
        owner_url,
        "SELECT status, must_change_password, password_changed_at IS NOT NULL, last_login IS NOT NULL FROM users",
    )
    assert found == [("active", False, True, True)]
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(0,)]
    accepted = rows(owner_url, "SELECT user_id, ip_address FROM audit_logs WHERE action = 'user.invitation_accepted'")
    assert accepted == [(made.user_id, "10.0.0.7")]
    assert (await sign_in(data, "ana@example.com", WISH)).user_id == made.user_id
    with pytest.raises(SignInFailed):
        await accept(data, "ana@example.com", made.code, "yet another battery")


async def test_unknown_wrong_expired_and_revoked_read_the_same(data: Database, add: Add, owner_url: str) -> None:
    await add("has")
    late, gone, good = [await invite(data, f"{nick}@example.com") for nick in ("late", "gone", "good")]
    rows(
        owner_url,
        "UPDATE invitations SET created_at = created_at - interval '25 h', expires_at = expires_at - interval '25 h' "
        "WHERE user_id = %s",
        late.user_id,
    )
    async with data.transaction() as session:
        await service.deactivate(session, OPERATOR, gone.user_id)
    texts = set()
    for address, code in (
        ("nobody@example.com", good.code),
        ("has@example.com", good.code),
        ("no address", good.code),
        ("good@example.com", late.code),
        ("good@example.com", "no code"),
        ("late@example.com", late.code),
        ("gone@example.com", gone.code),
    ):
        with pytest.raises(SignInFailed) as caught:
            await accept(data, address, code, WISH)
        texts.add(str(caught.value))
    assert len(texts) == 1
    assert good.code not in texts.pop()
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(7,)]


async def test_known_and_unknown_hash_one_password(data: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await invite(data)
    hashed: list[str] = []
    real = passwords._hash
    monkeypatch.setattr(passwords, "_hash", lambda text, cost: (hashed.append(text), real(text, cost))[1])
    for address in ("ana@example.com", "nobody@example.com"):
        with pytest.raises(SignInFailed):
            await accept(data, address, codes.new_code(), WISH)
    assert hashed == [WISH] * 2


async def test_guessing_waits_as_at_the_sign_in_and_across_processes(
    data: Database, database_url: str, owner_url: str
) -> None:
    made = await invite(data)
    other = Database(database_url)
    try:
        outcomes = await asyncio.gather(
            *(accept(one, "ana@example.com", codes.new_code(), WISH) for _ in range(6) for one in (data, other)),
            return_exceptions=True,
        )
    finally:
        await other.dispose()
    assert sum(isinstance(one, SignInDelayed) for one in outcomes) == 7
    with pytest.raises(SignInDelayed):
        await accept(data, "ana@example.com", made.code, WISH)
    with pytest.raises(SignInDelayed):
        await sign_in(data, "ana@example.com", WISH)
    rows(owner_url, "UPDATE sign_in_attempts SET created_at = created_at - interval '31 s'")
    await accept(data, "ana@example.com", made.code, WISH)


async def test_a_password_that_cannot_be_used_is_no_guess(data: Database, owner_url: str) -> None:
    made = await invite(data, name="Ana of the Hills")
    for wish in ("short", "x" * 80, "ana@example.com", "Ana of the Hills"):
        with pytest.raises(Invalid) as caught:
            await accept(data, "ana@example.com", made.code, wish)
        assert wish == "short" or wish not in str(caught.value)
    assert rows(owner_url, "SELECT count(*) FROM sign_in_attempts") == [(0,)]
    await accept(data, "ana@example.com", made.code, WISH)


async def test_of_two_who_accept_at_once_one_comes_in(data: Database, database_url: str, owner_url: str) -> None:
    made = await invite(data)
    other = Database(database_url)
    wishes = ("first horse battery", "second horse battery")
    try:
        outcomes = await asyncio.gather(
            *(accept(one, "ana@example.com", made.code, wish) for one, wish in zip((data, other), wishes, strict=True)),
            return_exceptions=True,
        )
    finally:
        await other.dispose()
    won = [wish for wish, outcome in zip(wishes, outcomes, strict=True) if isinstance(outcome, Actor)]
    assert len(won) == 1
    assert sum(type(one).__name__ == "InvitationFailed" for one in outcomes) == 1
    assert (await sign_in(data, "ana@example.com", won[0])).user_id == made.user_id
    assert rows(owner_url, "SELECT count(*) FROM audit_logs WHERE action = 'user.invitation_accepted'") == [(1,)]


async def test_accepting_against_taking_back_ends_one_way(data: Database, database_url: str, owner_url: str) -> None:
    made = await invite(data)
    other = Database(database_url)

    async def revoke() -> None:
        async with other.transaction() as session:
            await invitations.revoke_invitation(session, OPERATOR, made.user_id)

    try:
        outcomes = await asyncio.gather(
            accept(data, "ana@example.com", made.code, WISH), revoke(), return_exceptions=True
        )
    finally:
        await other.dispose()
    (status, password), *_ = rows(owner_url, "SELECT status, password FROM users")
    came_in = isinstance(outcomes[0], Actor)
    assert came_in == (status == "active") == (password != "!")
    assert came_in == isinstance(outcomes[1], DataPulseError)


async def test_neither_code_nor_password_is_logged(
    data: Database, caplog: pytest.LogCaptureFixture, owner_url: str
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await invite(data)
    for code, wish in ((codes.shown(codes.new_code()), WISH), (made.code, "short")):
        with pytest.raises(DataPulseError) as caught:
            await accept(data, "ana@example.com", code, wish)
        assert code not in str(caught.value)
    await accept(data, "ana@example.com", made.code, WISH)
    async with data.transaction() as session:
        temporary = await service.reset_password(session, OPERATOR, made.user_id)
    plain = codes.canonical(made.code)
    written = caplog.text + str(rows(owner_url, "SELECT string_agg(d::text, ' ') FROM audit_logs d"))
    for secret in (made.code, plain, WISH, temporary, PASSWORD):
        assert secret not in written
