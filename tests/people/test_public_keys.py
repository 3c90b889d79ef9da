"""Which public keys are taken."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given
from hypothesis import strategies as st

from datapulse_tui.errors import Invalid
from datapulse_tui.people.public_keys import PrivateKeyGiven, parse
from tests.people import ssh_samples as samples

ED = samples.ed25519_key()

TAKEN = [
    (samples.ed25519_key, "ssh-ed25519", 256),
    (samples.ecdsa_key, "ecdsa-sha2-nistp256", 256),
    (lambda: samples.ecdsa_key(ec.SECP521R1()), "ecdsa-sha2-nistp521", 521),
    (lambda: samples.rsa_key(3072), "ssh-rsa", 3072),
    (samples.sk_key, "sk-ssh-ed25519@openssh.com", 256),
]


@pytest.mark.parametrize(("make", "type_", "bits"), TAKEN, ids=[type_ for _, type_, _ in TAKEN])
def test_what_is_taken(make: Callable[[], str], type_: str, bits: int) -> None:
    line = make()
    key = parse(line)
    assert (key.type, key.bits, key.text, key.comment, key.options) == (type_, bits, line, "", False)
    assert key.fingerprint.startswith("SHA256:")
    assert len(key.fingerprint) == 50


def test_comments_and_options_are_told_apart() -> None:
    plain = parse(ED)
    for around in ("{} ana@laptop", "  {}\tana@laptop \n", 'command="echo \\"hi ssh-rsa AAAA\\"",no-pty {} ana@laptop',
                   'from="10.0.0.0/8" {} ana@laptop', "# mine\n{} ana@laptop"):  # fmt: skip
        key = parse(around.format(ED))
        assert (key.text, key.fingerprint, key.comment) == (plain.text, plain.fingerprint, "ana@laptop")
        assert key.options == ("=" in around)
    assert parse(f"{ED} \x1b[31m[/] 売上").comment == "\x1b[31m[/] 売上"


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")
def test_the_fingerprint_is_the_one_that_openssh_prints(tmp_path: Path) -> None:
    for make, _, bits in TAKEN:
        path = tmp_path / "key.pub"
        path.write_text(make() + " ana@laptop\n")
        told = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True).stdout
        assert told.split()[:2] == [str(bits), parse(path.read_text()).fingerprint]


REFUSED = [
    ("", "nothing in it"),
    ("hello", "no public key"),
    ("ssh-ed25519", "no public key"),
    (ED[:-8], "cut off"),
    (ED[:-9] + "!" + ED[-8:], "no public key"),
    (ED.replace("ssh-ed25519", "ssh-rsa"), "not of the kind"),
    (f"{ED}\n{samples.ed25519_key()}", "more than one line"),
    (samples.dsa_key(), "DSA"),
    (samples.rsa_key(2048), "2048 bits is too weak"),
    (samples.certificate(), "certificate"),
    ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "form that OpenSSH uses"),
    ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "form that OpenSSH uses"),
    (f"ssh-nonsense {ED.split()[1]}", "not known here"),
    (ED + " " + "x" * 30_000, "too long"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_and_why(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        parse(text)
    assert "Nothing was changed" in caught.value.message
    assert len(text) < 12 or text.split()[-1] not in str(caught.value)


PRIVATE = [
    samples.private_key(),
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n",
    "PuTTY-User-Key-File-3: ssh-ed25519\n",
    f"{ED}\n{samples.private_key()}",
    samples.private_key().replace("\n", " "),
]


@pytest.mark.parametrize("text", PRIVATE, ids=range(len(PRIVATE)))
def test_a_private_key_is_never_taken(text: str) -> None:
    with pytest.raises(PrivateKeyGiven, match="PRIVATE key") as caught:
        parse(text)
    assert ".pub" in caught.value.hint
    assert not any(word in str(caught.value) for word in text.split() if len(word) > 12)


@given(st.text(max_size=200) | st.text(max_size=40).map(lambda text: f"ssh-ed25519 {text}"))
@example(ED + "\n\n")
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    try:
        key = parse(text)
    except Invalid:
        return
    assert parse(key.text).fingerprint == key.fingerprint
