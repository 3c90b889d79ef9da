"""What a channel of each type is configured with, validated before it is stored and again before it is used."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from datapulse_tui.errors import Invalid

_ADDRESS = re.compile(r"[^\s<>()\[\]@,;:\"\\\x00-\x1f\x7f]+@[^\s<>()\[\]@,;:\"\\\x00-\x1f\x7f]+")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
LONGEST_URL = 2000
SHOWN = "shown"  # beside the configuration, the address that lists show: it is made from secrets and holds none


class ChannelConfig(BaseModel):
    """What all types share."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    secret_fields: ClassVar[frozenset[str]] = frozenset()

    @property
    def address(self) -> str:
        """Where it leads, without secrets."""
        raise NotImplementedError

    def document(self) -> dict[str, Any]:
        """The configuration as JSON, secrets in plain text: seal it before it is stored."""
        values = self.model_dump(mode="python", exclude_defaults=True)
        return {
            key: value.get_secret_value() if isinstance(value, SecretStr) else value for key, value in values.items()
        }


class EmailConfig(ChannelConfig):
    """An SMTP server. `security` is how the line is encrypted, `ca_file` holds the authorities of one's own server.

    A password goes over an encrypted line, or to this machine.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(max_length=255, description="address that the mails come from")
    sender_name: str = Field("DataPulse", max_length=100)
    username: str | None = Field(None, min_length=1, max_length=255)
    password: SecretStr | None = None
    ca_file: str | None = Field(None, max_length=1000)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError("must be the name or address of a server")
        return value

    @field_validator("sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        if not value.isascii() or not _ADDRESS.fullmatch(value):
            raise ValueError("must be an e-mail address, such as datapulse@example.com")
        return value

    @model_validator(mode="after")
    def _complete(self) -> EmailConfig:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.username is not None and self.security == "none" and not _this_machine(self.host):
            raise ValueError("a password needs security starttls or tls")
        return self


class SlackConfig(ChannelConfig):
    """An incoming webhook of Slack. The address is the secret: whoever knows it can post."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"url"})

    url: SecretStr

    @property
    def address(self) -> str:
        return shown_url(self.url.get_secret_value())

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        check_url(value.get_secret_value())
        return value


class SmsConfig(ChannelConfig):
    """An account at Twilio, or at a provider that speaks its REST interface at `base_url`.

    `sender` is a number, a sender id, or a messaging service (MG...).
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"token"})

    account: str = Field(min_length=1, max_length=100)
    token: SecretStr = Field(min_length=1)
    sender: str = Field(min_length=1, max_length=64)
    base_url: str = Field("https://api.twilio.com", max_length=LONGEST_URL)

    @property
    def address(self) -> str:
        return f"{shown_url(self.base_url)} from {self.sender}"

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        check_url(value)
        return value


class WebhookConfig(ChannelConfig):
    """An address that takes signed JSON (see channels/webhook.py). Addresses often hold a token, so it is a secret."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"url", "secret"})

    url: SecretStr
    secret: SecretStr = Field(min_length=16, max_length=500, description="signs what is sent")
    ca_file: str | None = Field(None, max_length=1000)

    @property
    def address(self) -> str:
        return shown_url(self.url.get_secret_value())

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        check_url(value.get_secret_value())
        return value


CONFIGS: dict[str, type[ChannelConfig]] = {
    "email": EmailConfig,
    "slack": SlackConfig,
    "sms": SmsConfig,
    "webhook": WebhookConfig,
}


def check_url(text: str) -> None:
    """Raise ValueError unless `text` is an http or https address without a password in it.

    Private hosts are allowed: channels are set up by administrators, and receivers often stand beside the program.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the address cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("the address must begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address must not hold a password: sign in with the secret instead")
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text:
        raise ValueError(f"the address must have at most {LONGEST_URL:,} characters, without spaces")


def shown_url(text: str) -> str:
    """An address without what may be secret in it: `https://hooks.slack.com/…`."""
    parts = urlsplit(text)
    rest = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{rest}"


def is_address(text: str) -> bool:
    """Whether mail can be sent to `text`, which then holds nothing that ends a header or a command."""
    return len(text) <= 320 and _ADDRESS.fullmatch(text) is not None


def config_class(type_: str) -> type[ChannelConfig]:
    """The configuration of channels of `type_`. Raises Invalid."""
    found = CONFIGS.get(type_)
    if found is None:
        raise Invalid(
            f"{type_[:40]!r} is not a type of channel. Nothing was changed.", hint=f"There are: {', '.join(CONFIGS)}."
        )
    return found


def parse_config(type_: str, values: Mapping[str, Any]) -> ChannelConfig:
    """`values` as the configuration of `type_`. Raises Invalid that names each wrong field, never its value."""
    model = config_class(type_)
    try:
        return model.model_validate({key: value for key, value in values.items() if key != SHOWN})
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_input=False, include_url=False, include_context=False):
            where = ".".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{where}: {message}" if where else message)
        raise Invalid(
            f"The configuration of the {type_} channel is not valid: {'; '.join(problems)}. Nothing was changed.",
            hint=f"Known settings: {', '.join(sorted(model.model_fields))}.",
        ) from None


def _this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
