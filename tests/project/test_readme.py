"""What the README and the lock files say is what the program does."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from datapulse_tui import __version__, config
from datapulse_tui.tui import keymap, rooms

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_keys_are_those_of_the_registry() -> None:
    """To mend it: put `keymap.markdown_table()` between the markers."""
    assert rooms.ROOMS
    found = re.search(r"<!-- keys -->\n(.*?)<!-- end keys -->", README, re.DOTALL)
    assert found is not None
    assert found[1].strip() == keymap.markdown_table().strip()


def test_every_setting_is_named() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", README.partition("## Configuration")[2], re.MULTILINE))
    assert listed == {each.name for each in fields(config.Settings)}


def test_the_two_lines_are_there() -> None:
    for marker in ("demo line", "test line"):
        assert re.search(rf"<!-- {marker} -->\n```sh\n\S[^\n]*\n```\n<!-- end -->", README), marker


def test_the_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_locks_pin_every_requirement_by_hash_and_name_no_registry() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for lock, wanted in (
        (ROOT / "requirements.lock", project["dependencies"]),
        (ROOT / "tests" / "requirements.lock", [*project["dependencies"], *project["optional-dependencies"]["dev"]]),
    ):
        text = lock.read_text()
        assert "://" not in text
        pinned = {normal(name) for name in re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==\S+.*\\$", text, re.MULTILINE)}
        assert {normal(re.split(r"[\[<>=;~ ]", line)[0]) for line in wanted} <= pinned
        blocks = re.split(r"\n(?=\S)", text)
        assert all("--hash=sha256:" in block for block in blocks if "==" in block)
