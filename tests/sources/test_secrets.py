"""Secrets at rest."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from datapulse_tui.config import make_settings
from datapulse_tui.data.secrets import HIDDEN, MARK, SecretBox, SecretUnreadable, redact
from datapulse_tui.errors import Invalid


def key() -> str:
    return Fernet.generate_key().decode()


def test_what_is_sealed_comes_back_and_shows_nothing(box: SecretBox) -> None:
    sealed = box.seal({"host": "h", "password": "hunter2", "other": None}, frozenset({"password", "other"}))
    assert "hunter2" not in json.dumps(sealed)
    assert sealed["host"] == "h"
    assert box.unseal(sealed) == {"host": "h", "password": "hunter2", "other": None}
    assert redact({"a": [sealed]}) == {"a": [{"host": "h", "password": HIDDEN, "other": None}]}
    assert repr(box) == "SecretBox()"


BOX = SecretBox([key()], Path("unused"))


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_any_text_comes_back(text: str) -> None:
    assert BOX.decrypt(BOX.encrypt(text)) == text


def test_the_key_file_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret.key"
    token = SecretBox(None, path).encrypt("x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SecretBox(None, path).decrypt(token) == "x"
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret.key"
    SecretBox(None, path).encrypt("x")
    path.chmod(mode)
    with pytest.raises(Invalid, match="can be read by others") as caught:
        SecretBox(None, path).encrypt("x")
    assert "chmod 600" in caught.value.hint


def test_a_lost_key_and_a_wrong_key_are_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    token = SecretBox(None, path).encrypt("x")
    path.unlink()
    with pytest.raises(SecretUnreadable, match="is gone"):
        SecretBox(None, path).decrypt(token)
    assert not path.exists()  # reading never makes a key: it could not fit
    SecretBox(None, path).encrypt("y")
    with pytest.raises(SecretUnreadable, match="another key") as caught:
        SecretBox(None, path).decrypt(token)
    assert token not in str(caught.value)


def test_the_first_of_several_keys_encrypts_and_all_decrypt(tmp_path: Path) -> None:
    old, new = key(), key()
    token = SecretBox([old], tmp_path / "k").encrypt("x")
    both = SecretBox([new, old], tmp_path / "k")
    assert both.decrypt(token) == "x"
    assert SecretBox([new], tmp_path / "k").decrypt(both.encrypt("y")) == "y"
    assert not (tmp_path / "k").exists()


def test_keys_come_from_the_settings(tmp_path: Path) -> None:
    one = key()
    given = make_settings({"home": tmp_path, "secret_key": f" {one} , {key()}"})
    assert SecretBox([one], tmp_path / "k").decrypt(SecretBox.from_settings(given).encrypt("x")) == "x"
    bad = make_settings({"home": tmp_path, "secret_key": "not-a-key"})
    with pytest.raises(Invalid, match="32 bytes") as caught:
        SecretBox.from_settings(bad).encrypt("x")
    assert "not-a-key" not in str(caught.value)
    assert "from cryptography" in caught.value.hint


def test_a_link_in_place_of_the_key_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(key())
    (tmp_path / "secret.key").symlink_to(tmp_path / "real")
    with pytest.raises(Invalid, match="cannot be read"):
        SecretBox(None, tmp_path / "secret.key").encrypt("x")


def test_processes_that_begin_at_once_share_one_key(tmp_path: Path) -> None:
    path = tmp_path / "race" / "secret.key"
    code = (
        "import sys\nfrom pathlib import Path\nfrom datapulse_tui.data.secrets import SecretBox\n"
        "box = SecretBox(None, Path(sys.argv[1]))\nsys.stdin.readline()\nprint(box.encrypt('x'))"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    tokens = [racer.communicate()[0].strip() for racer in racers]
    box = SecretBox(None, path)
    assert [box.decrypt(token) for token in tokens] == ["x"] * 6
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


def test_only_marked_values_count_as_sealed() -> None:
    assert redact({MARK: 5}) == {MARK: 5}
    assert redact({MARK: "t", "more": 1}) == {MARK: "t", "more": 1}
