from __future__ import annotations

import getpass
import os
import pwd
import socket

import pytest

from datapulse_tui.data.database import Database
from datapulse_tui.errors import Invalid, NotFound
from datapulse_tui.people import operator, rules
from tests.people.conftest import Add


async def test_the_operator_is_the_account_of_the_system(data: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("USER", "somebody-else")
    assert getpass.getuser() == "somebody-else"
    async with data.reading() as session:
        actor = await operator.operator_actor(session)
    assert actor.label == f"operator:{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
    assert actor.everything
    assert actor.user_id is None
    assert actor.recorded_as == actor.label


async def test_acting_as_somebody_gives_their_rights_and_names_both(data: Database, add: Add) -> None:
    user_id = await add("ana", role="analyst")
    await add("gone", activate=False)
    async with data.reading() as session:
        actor = await operator.operator_actor(session, as_email="Ana@example.com")
        assert (actor.user_id, actor.everything, actor.email) == (user_id, False, "ana@example.com")
        assert actor.permissions == rules.ROLE_PERMISSIONS[rules.Role.ANALYST]
        assert actor.recorded_as == operator.operator().label
        for email in ("nobody@example.com", "gone@example.com"):
            with pytest.raises(NotFound):
                await operator.operator_actor(session, as_email=email)
        with pytest.raises(Invalid):
            await operator.operator_actor(session, as_email="nobody")


def test_an_account_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert operator.operator().label.startswith("operator:4000000@")


def test_where_the_keys_are_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert operator.origin({"SSH_CONNECTION": "2001:db8::7 50000 10.0.0.1 22"}) == "2001:db8::7"
    controlling, line = os.openpty()
    with open(line) as stream:  # noqa: PTH123  (a descriptor)
        monkeypatch.setattr("sys.stdin", stream)
        assert operator.origin({}) == os.ttyname(line)
    os.close(controlling)
    with open(os.devnull) as nothing:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", nothing)
        monkeypatch.setattr("sys.stderr", None)
        assert operator.origin({}) is None
