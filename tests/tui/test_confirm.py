"""A question: what is asked about is done only on a plain yes, and every way to answer works."""

from __future__ import annotations

import pytest

from datapulse_tui.tui.screens.confirm import ConfirmScreen
from tests.tui.conftest import World, see, until


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["y"], True),
        (["n"], False),
        (["enter"], False),
        (["escape"], None),
        (["right", "enter"], True),
        (["l", "left", "enter"], False),
        (["tab", "enter"], True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
async def test_answers(empty_world: World, keys: list[str], *, answer: bool | None) -> None:
    app = empty_world.desk()
    answers: list[bool | None] = []
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await see(pilot, "Welcome to DataPulse")
        await app.push_screen(ConfirmScreen("Delete it?", yes="Delete"), answers.append)
        await see(pilot, "Delete it?")
        await pilot.press(*keys)
        await until(pilot, lambda: bool(answers))
    assert answers == [answer]
