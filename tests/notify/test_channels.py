"""Each channel by itself, against real servers: what it sends, and what it makes of the answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from datapulse_tui.errors import Invalid
from datapulse_tui.notify.channels import email as email_module
from datapulse_tui.notify.channels import open_channel
from datapulse_tui.notify.channels.base import Message, Outcome, Result
from datapulse_tui.notify.channels.http import judge, seconds
from datapulse_tui.notify.channels.sms import number_of
from datapulse_tui.notify.channels.webhook import key_of
from datapulse_tui.notify.messages import Item
from datapulse_tui.notify.schemas import is_address, parse_config, shown_url
from tests.notify.outbox import SIGNING
from tests.notify.receivers import Answer, Mailbox, certificate, http_receiver, mailbox, smtp_script

FACTS: dict[str, Any] = {"rule": "Checkout", "severity": "critical", "title": "Checkout <!channel> & more", "value": 7}
EMAIL = {"host": "localhost", "security": "none", "sender": "pulse@example.com"}


def message(address: str = "ana@example.com", **facts: Any) -> Message:
    return Message(uuid4(), address, [Item("trigger", FACTS | facts)], ("incident-1",), "the channel")


async def send(type_: str, config: dict[str, Any], *messages: Message) -> list[Outcome]:
    """Send one after the other through one channel."""
    channel = await open_channel(type_, config)
    try:
        return [await channel.send(each) for each in messages]
    finally:
        await channel.close()


def read(box: Mailbox) -> list[EmailMessage]:
    return [message_from_bytes(mail.content, policy=policy.default) for mail in box.mails]  # type: ignore[arg-type, misc]


async def test_mails_share_a_connection_and_a_thread_and_keep_their_id() -> None:
    first = message()
    with mailbox() as box:
        outcomes = await send(
            "email", EMAIL | {"port": box.port}, first, first, message("zoë@example.com", title="é ü")
        )
        assert [outcome.result for outcome in outcomes[:2]] == [Result.SENT] * 2
        assert outcomes[0].answer == "250 accepted"
        assert outcomes[2].result in (Result.SENT, Result.REFUSED)  # by whether the server speaks SMTPUTF8
        assert len(box.peers) == 1
        mail, repeat, other = read(box)
    assert other["Subject"] == "Critical: é ü"
    assert mail["Message-ID"] == repeat["Message-ID"] == f"<{first.id}@example.com>"
    assert mail["References"] == mail["In-Reply-To"] == "<incident-1@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (str(mail["From"]), str(mail["To"])) == ("DataPulse <pulse@example.com>", "ana@example.com")
    assert mail["Subject"] == "Critical: Checkout <!channel> & more"
    assert mail.get_content().splitlines() == ["Critical: Checkout <!channel> & more", "", "Value: 7"]


async def test_addresses_in_other_scripts() -> None:
    with mailbox(enable_SMTPUTF8=True) as box:
        config = EMAIL | {"port": box.port}
        found = await send("email", config, message("zoë@example.com"), message("ana@bücher.example"))
        assert [each.result for each in found] == [Result.SENT] * 2
        assert [mail.rcpt_tos for mail in box.mails] == [["zoë@example.com"], ["ana@xn--bcher-kva.example"]]
    with mailbox(enable_SMTPUTF8=False) as box:
        [outcome] = await send("email", EMAIL | {"port": box.port}, message("zoë@example.com"))
        assert outcome.result is Result.REFUSED


@pytest.mark.parametrize(
    "address",
    ["a@b.c\r\nBcc: x@y.z", "a@b.c,x@y.z", "<a@b.c>", "a b@c.d", "a@b.c\nRCPT TO:<x@y.z>", "ana", "", '"a"@b.c'],
)
async def test_an_address_that_could_say_more_is_not_sent_to(address: str) -> None:
    assert not is_address(address)
    with mailbox() as box:
        [outcome] = await send("email", EMAIL | {"port": box.port}, message(address))
        assert (outcome.result, box.mails) == (Result.REFUSED, [])


async def test_no_value_adds_a_header() -> None:
    hostile = "x\r\nBcc: all@example.com\r\n\r\nbody\r\n.\r\nMAIL FROM:<evil@example.com>"
    with mailbox() as box:
        await send("email", EMAIL | {"port": box.port}, message(title=hostile, rule=hostile, labels={hostile: hostile}))
        [mail] = read(box)
    assert mail["Bcc"] is None
    assert mail["From"] == "DataPulse <pulse@example.com>"


@pytest.mark.parametrize(
    ("answer", "result"),
    [("451 try later", Result.RETRY), ("552 too large", Result.REFUSED), ("421 going down", Result.RETRY)],
)
async def test_what_the_mail_server_answers_to_the_content(answer: str, result: Result) -> None:
    with mailbox() as box:
        box.answers = [answer]
        refused, sent = await send("email", EMAIL | {"port": box.port}, message(), message())
        assert (refused.result, refused.answer) == (result, answer)
        assert sent.result is Result.SENT


async def test_a_refused_recipient_does_not_hurt_the_next() -> None:
    with mailbox() as box:
        box.refuse = lambda address: {"gone@example.com": "550 no such user", "full@example.com": "452 full"}.get(
            address
        )
        config = EMAIL | {"port": box.port}
        found = await send("email", config, message("gone@example.com"), message("full@example.com"), message())
        assert [each.result for each in found] == [Result.REFUSED, Result.RETRY, Result.SENT]
        assert found[0].answer == "550 no such user"


def script(at: str | tuple[str, ...], answer: bytes | None) -> Callable[[str], bytes | None]:
    """Answers as a server does, and `answer` when a line begins with `at`."""

    def say(line: str) -> bytes | None:
        if line.startswith(at):
            return answer
        if line == "QUIT":
            return b"221 bye\r\n"
        if line == "DATA":
            return b"354 go on\r\n"
        return b"250 yes\r\n" if line.partition(" ")[0] in ("EHLO", "MAIL", "RCPT", "RSET", ".") else b""

    return say


@pytest.mark.parametrize(
    ("at", "answer", "said"),
    [
        (".", None, "lost|EOF"),  # broken off after the content: it may have been taken, so it is sent again
        ("DATA", None, "lost|EOF"),
        ("MAIL", b"", "Timed out"),
        (".", b"", "Timed out"),
        (("EHLO", "HELO"), b"554 not you\r\n", "554"),
        ("MAIL", b"nonsense\r\n", "nonsense"),
    ],
)
async def test_a_mail_server_that_breaks_off_hangs_or_babbles(
    at: str | tuple[str, ...], answer: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_module, "ANSWER_TIMEOUT", 0.3)
    async with smtp_script(script(at, answer)) as server:
        [outcome] = await send("email", EMAIL | {"port": server.port}, message())
    assert outcome.result is Result.RETRY
    assert re.search(said, outcome.answer)


async def test_a_server_that_is_away_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email_module, "ANSWER_TIMEOUT", 0.3)
    async with smtp_script(lambda line: b"", greeting=b"") as server:
        began = time.monotonic()
        found = await send("email", EMAIL | {"port": server.port}, *[message() for _ in range(20)])
        assert time.monotonic() - began < 5  # 6 s, if each of them waited
    assert {each.result for each in found} == {Result.RETRY}


async def test_mail_over_tls_with_a_password(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    config = EMAIL | {
        "security": "starttls",
        "username": "pulse",
        "password": "correct horse",
        "ca_file": str(authority),
    }
    with mailbox(tls_context=context, require_starttls=True, auth_required=True) as box:
        config["port"] = box.port
        assert (await send("email", config, message()))[0].result is Result.SENT
        assert box.signed_in == [b"pulse"]
        [outcome] = await send("email", config | {"password": "wrong"}, message())
        assert (outcome.result, outcome.answer[:3]) == (Result.RETRY, "535")  # of our account, not of this mail
        untrusted = {name: value for name, value in config.items() if name != "ca_file"}
        [outcome] = await send("email", untrusted, message())
        assert outcome.result is Result.RETRY
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.answer
        assert "correct horse" not in outcome.answer
    with mailbox() as box:  # without STARTTLS nothing is said in the open
        [outcome] = await send("email", config | {"port": box.port}, message())
        assert outcome.result is Result.RETRY
        assert box.signed_in == []


async def test_mail_over_tls_from_the_start(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    with mailbox(ssl_context=context) as box:
        config = EMAIL | {"port": box.port, "security": "tls", "ca_file": str(authority)}
        assert (await send("email", config, message()))[0].result is Result.SENT


async def test_webhooks_over_tls(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    with http_receiver(context) as hook:
        config = {"url": hook.url, "secret": SIGNING}
        [outcome] = await send("webhook", config, message())
        assert outcome.result is Result.RETRY
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.answer
        assert (await send("webhook", config | {"ca_file": str(authority)}, message()))[0].result is Result.SENT
    with pytest.raises(OSError, match="No such file"):
        await open_channel("webhook", config | {"ca_file": str(tmp_path / "gone")})


async def test_a_redirect_is_not_followed_and_no_cookie_is_kept() -> None:
    with http_receiver() as hook, http_receiver() as elsewhere:
        hook.answers = [Answer(302, headers={"location": elsewhere.url}), Answer(200, headers={"set-cookie": "a=b"})]
        moved, _, _ = await send("webhook", {"url": hook.url, "secret": SIGNING}, message(), message(), message())
    assert moved.result is Result.REFUSED
    assert elsewhere.requests == []
    assert "cookie" not in hook.requests[2].headers


async def test_slack_gets_text_that_mentions_nobody() -> None:
    with http_receiver() as hook:
        hook.answers = [Answer(200, b"ok"), Answer(404, b"no_service"), Answer(429, headers={"retry-after": "30"})]
        found = await send("slack", {"url": hook.url}, message(), message(), message())
    body = json.loads(hook.requests[0].body)
    assert body["mrkdwn"] is False
    assert "&lt;!channel&gt; &amp; more" in body["text"]
    assert [each.result for each in found] == [Result.SENT, Result.REFUSED, Result.RETRY]
    assert (found[1].answer, found[2].retry_after) == ("HTTP 404: no_service", 30)


async def test_an_sms_in_the_shape_of_twilio() -> None:
    with http_receiver() as provider:
        base = provider.url.rpartition("/hook")[0]
        provider.answers = [Answer(201, b'{"sid": "SM1"}'), Answer(400, b'{"code": 21211}'), Answer(500)]
        config = {"account": "AC1", "token": "secret-token", "sender": "+43660", "base_url": base}
        found = await send("sms", config, *[message("+43 (1) 234-56") for _ in range(3)])
        await send("sms", config | {"sender": "MG123"}, message("+43"))
    first, *_, last = provider.requests
    assert first.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert first.headers["authorization"].startswith("Basic ")
    form = parse_qs(first.body.decode())
    assert (form["To"], form["From"]) == (["+43123456"], ["+43660"])
    assert form["Body"] == ["Critical: Checkout <!channel> & more 7"]
    assert parse_qs(last.body.decode())["MessagingServiceSid"] == ["MG123"]
    assert [each.result for each in found] == [Result.SENT, Result.REFUSED, Result.RETRY]


def test_numbers_and_answers() -> None:
    assert number_of(" +43 (1) 234-56/7") == "+431234567"
    assert number_of("01 234") == "01234"
    assert judge(204, None, b"").result is Result.SENT
    assert judge(599, None, b"").result is Result.RETRY
    assert judge(410, None, b"").result is Result.REFUSED
    assert seconds("120") == 120
    assert seconds("Wed, 21 Oct 2015 07:28:00 GMT", now=1445412420.0) == 60
    assert seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds("soon") is seconds(None) is None
    assert key_of("whsec_AAAA") == b"\0\0\0"
    assert key_of("whsec_!!") == b"whsec_!!"


@pytest.mark.parametrize(
    ("type_", "config", "problem"),
    [
        ("webhook", {"url": "file:///etc/passwd", "secret": SIGNING}, "url"),
        ("webhook", {"url": "https://user:secret@example.com/", "secret": SIGNING}, "password"),
        ("webhook", {"url": "https://", "secret": SIGNING}, "host"),
        ("webhook", {"url": "http://[::1", "secret": SIGNING}, "url"),
        ("webhook", {"url": "https://example.com/", "secret": "short"}, "secret"),
        ("slack", {"url": "gopher://x"}, "url"),
        ("slack", {}, "url"),
        ("sms", {"account": "a", "token": "t", "sender": "1", "base_url": "ftp://x"}, "base_url"),
        ("email", {**EMAIL, "port": 70000}, "port"),
        ("email", {**EMAIL, "host": "x\r\ny"}, "host"),
        ("email", {**EMAIL, "sender": "a@b\r\nBcc: c@d"}, "sender"),
        ("email", {**EMAIL, "username": "a"}, "belong together"),
        ("email", {**EMAIL, "host": "mail.example.com", "username": "a", "password": "b"}, "starttls or tls"),
        ("email", {**EMAIL, "colour": "red"}, "colour"),
        ("fax", {}, "fax"),
    ],
)
def test_configurations_that_are_none(type_: str, config: dict[str, Any], problem: str) -> None:
    with pytest.raises(Invalid, match=problem) as refused:
        parse_config(type_, config)
    assert "user:secret" not in str(refused.value)


def test_addresses_are_shown_without_what_may_be_secret() -> None:
    assert shown_url("https://hooks.slack.com/services/T0/B0/XYZ") == "https://hooks.slack.com/…"
    assert shown_url("http://localhost:8080/") == "http://localhost:8080"
    assert shown_url("https://example.com?token=1") == "https://example.com/…"
