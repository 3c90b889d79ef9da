"""Who is told of a rule: everybody that its channels name, once, with the reason where somebody cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text, update

from datapulse_tui.alerts.recipients import Recipient, keepers, recipients
from datapulse_tui.audit.actor import Actor
from datapulse_tui.data.database import Database
from datapulse_tui.data.models.alerts import Alert
from datapulse_tui.data.models.notify import NotificationChannel
from datapulse_tui.data.models.people import Department, Role, User, UserRole
from tests.alerts.conftest import MakeQuery, MakeRule, MakeSource, MakeUser


@pytest.fixture
async def olga(make_user: MakeUser) -> Actor:
    """The owner of the rule."""
    return await make_user("olga", zone="Europe/Vienna", phone="+43 1 111")


@pytest.fixture
async def rule(
    data: Database, olga: Actor, make_source: MakeSource, make_query: MakeQuery, make_rule: MakeRule
) -> UUID:
    """A rule, and default channels for email and sms."""
    async with data.transaction() as session:
        for name, type_ in (("mail", "email"), ("texts", "sms")):
            await session.execute(insert(NotificationChannel).values(name=name, type=type_, is_default=True))
    return await make_rule(olga, await make_query(olga, await make_source()))


async def told(data: Database, rule: UUID, first: list[Any], second: Sequence[Any] = ()) -> list[Recipient]:
    async with data.transaction() as session:
        values = {"channels": first, "escalation_channels": list(second)}
        await session.execute(update(Alert).where(Alert.id == rule).values(**values))
    async with data.reading() as session:
        return list((await recipients(session, [rule, uuid4()]))[rule])


def short(found: list[Recipient]) -> list[tuple[str, str, str, str]]:
    return [(each.level, each.channel, each.address, each.problem) for each in found]


async def test_people_roles_departments_and_addresses(
    data: Database, rule: UUID, olga: Actor, make_user: MakeUser
) -> None:
    async with data.transaction() as session:
        floor = (await session.execute(insert(Department).values(name="Floor").returning(Department.id))).scalar_one()
        shift = (await session.execute(insert(Role).values(name="night shift").returning(Role.id))).scalar_one()
    ben = await make_user("ben", department_id=floor)
    ann = await make_user("ann", "analyst", zone="Asia/Tokyo", department_id=floor, phone="+81 3")
    await make_user("ida", status="inactive", department_id=floor)
    async with data.transaction() as session:
        await session.execute(insert(UserRole).values(user_id=ann.user_id, role_id=shift))
    found = await told(
        data,
        rule,
        [
            {"type": "email", "channel": None, "to": ["owner", f"person:{ben.user_id}", f"department:{floor}"]},
            {"type": "email", "channel": None, "to": ["role:ops_manager", "role:night shift", "address:x@y.org"]},
        ],
        [{"type": "sms", "channel": None, "to": ["owner", f"department:{floor}", "address:+1 555"]}],
    )
    assert short(found) == [
        ("first", "mail", "olga@example.org", ""),
        ("first", "mail", "ben@example.org", ""),
        ("first", "mail", "ann@example.org", ""),
        ("first", "mail", "x@y.org", ""),
        ("second", "texts", "+43 1 111", ""),
        ("second", "texts", "+81 3", ""),
        ("second", "texts", "", "there is no phone number in the account"),
        ("second", "texts", "+1 555", ""),
    ]
    assert [each.zone for each in found[:4]] == ["Europe/Vienna", "UTC", "Asia/Tokyo", "Europe/Vienna"]
    assert [each.user_id for each in found[:4]] == [olga.user_id, ben.user_id, ann.user_id, None]


async def test_nobody_is_left_out_silently(data: Database, rule: UUID, make_user: MakeUser) -> None:
    gone, late = await make_user("gone", status="inactive"), await make_user("late", status="pending")
    async with data.transaction() as session:
        off = (
            await session.execute(
                insert(NotificationChannel)
                .values(name="old mail", type="email", is_active=False)
                .returning(NotificationChannel.id)
            )
        ).scalar_one()
        hook = (
            await session.execute(
                insert(NotificationChannel).values(name="room", type="slack").returning(NotificationChannel.id)
            )
        ).scalar_one()
    found = await told(
        data,
        rule,
        [
            {"type": "email", "to": [f"person:{gone.user_id}", f"person:{late.user_id}", f"person:{uuid4()}"]},
            {"type": "email", "to": ["role:nobody", f"department:{uuid4()}", "person:x", "person:'; --"]},
            {"type": "email", "channel": str(off), "to": ["owner"]},
            {"type": "email", "channel": str(uuid4()), "to": ["owner"]},
            {"type": "slack", "channel": str(hook), "to": []},
            {"type": "webhook", "channel": None, "to": []},
        ],
    )
    assert [(each.name, each.channel, each.problem) for each in found] == [
        ("Gone", "mail", "the account is deactivated"),
        ("Late", "mail", "the account is not active yet"),
        ("somebody", "mail", "this person is no longer known"),
        ("role nobody", "mail", "nobody active is in the role nobody"),
        ("department that was deleted", "mail", "nobody active is in the department that was deleted"),
        ("Olga", "old mail", "the channel old mail is switched off"),
        ("Olga", "", "the channel was deleted"),
        ("room", "room", ""),
        ("webhook", "", "no webhook channel is set up as default"),
    ]
    assert (found[7].channel_id, found[7].address, found[7].user_id) == (hook, "", None)


async def test_who_hears_that_a_rule_is_in_trouble(
    data: Database, rule: UUID, olga: Actor, make_user: MakeUser
) -> None:
    await make_user("root", "admin")
    await make_user("old", "admin", status="inactive")
    async with data.reading() as session:
        assert [each.address for each in (await keepers(session, [rule]))[rule]] == ["olga@example.org"]
    async with data.transaction() as session:
        await session.execute(update(User).where(User.id == olga.user_id).values(status="inactive"))
    async with data.reading() as session:
        (found,) = (await keepers(session, [rule]))[rule]
    assert (found.address, found.channel, found.problem) == ("root@example.org", "mail", "")


async def test_ten_thousand_rules_take_a_few_statements(data: Database, rule: UUID) -> None:
    async with data.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO alerts (user_id, metric_id, metric, name, threshold_type, threshold_value, frequency, "
                "channels) "
                "SELECT user_id, metric_id, metric, 'r' || n, 'above', n, 'digest', "
                '\'[{"type": "email", "to": ["owner", "role:ops_manager"]}]\' '
                "FROM alerts, generate_series(1, 10000) n"
            )
        )
        ids = list(await session.scalars(text("SELECT id FROM alerts WHERE name LIKE 'r%' AND frequency = 'digest'")))
    async with data.reading() as session:
        found = await recipients(session, ids)
    assert len(found) == 10_000
    assert {(each.name, each.digest) for some in found.values() for each in some} == {("Olga", True)}
