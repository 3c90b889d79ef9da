"""Which widgets are slow, over the end of a desk."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from datapulse_tui.tui.slowness import MOST, SLOW, Slowness

FAST, WIDGET, OTHER = uuid4(), uuid4(), uuid4()


def test_what_is_slow_is_known_to_the_next_desk(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "slow-widgets.json"
    desk = Slowness()
    assert not desk.note(FAST, 0.01)
    assert desk.note(WIDGET, 2.0)
    desk.save(path)
    following = Slowness()
    following.note(OTHER, 1.0)
    following.load(path)
    assert [following.of(each) for each in (FAST, WIDGET, OTHER)] == [0.0, 2.0, 1.0]


def test_the_file_is_written_again_only_for_what_changed_much(tmp_path: Path) -> None:
    path = tmp_path / "slow-widgets.json"
    desk = Slowness()
    desk.note(WIDGET, 2.0)
    desk.save(path)
    assert not desk.note(WIDGET, 2.2)
    assert desk.note(WIDGET, 4.0)
    assert desk.note(WIDGET, SLOW / 2)  # not slow any more
    desk.save(path)
    assert not desk.note(WIDGET, SLOW / 2)
    following = Slowness()
    following.load(path)
    assert following.of(WIDGET) == 0.0


def test_the_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "slow-widgets.json"
    desk, widgets = Slowness(), [uuid4() for _ in range(MOST + 10)]
    for each in widgets:
        desk.note(each, 1.0)
    desk.save(path)
    following = Slowness()
    following.load(path)
    assert [following.of(each) for each in (widgets[9], widgets[10], widgets[-1])] == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"no id": 1}', '{"%s": "slow"}', "\x00"])
def test_a_file_that_somebody_wrote_in_is_no_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "slow-widgets.json"
    path.write_text(content.replace("%s", str(WIDGET)))  # names of tests must not be random: processes share them
    desk = Slowness()
    desk.note(OTHER, 1.0)
    desk.load(path)
    assert (desk.of(WIDGET), desk.of(OTHER)) == (0.0, 1.0)


def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    desk = Slowness()
    desk.note(WIDGET, 1.0)
    desk.save(tmp_path / "cache" / "slow-widgets.json")
    assert desk.of(WIDGET) == 1.0
