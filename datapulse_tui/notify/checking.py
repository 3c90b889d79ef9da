"""Whether a channel could send, found out without sending: a mail server is greeted, a host's name looked up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from datapulse_tui.notify.channels.base import Outcome, retry, sent
from datapulse_tui.notify.schemas import EmailConfig, SlackConfig, SmsConfig, WebhookConfig, parse_config

if TYPE_CHECKING:
    from datapulse_tui.data.secrets import SecretBox


async def check_channel(secrets: SecretBox, type_: str, stored: Mapping[str, Any]) -> Outcome:
    """What a channel of this configuration, as it is stored, would come up against. The outcome holds no secret.

    Raises Invalid for a configuration that is none, SecretUnreadable.
    """
    from datapulse_tui.notify.channels import open_channel
    from datapulse_tui.notify.channels.email import EmailChannel

    document = await asyncio.to_thread(secrets.unseal, stored)
    config = parse_config(type_, document)
    if isinstance(config, EmailConfig):
        channel = await open_channel(type_, document)
        assert isinstance(channel, EmailChannel)
        try:
            return await channel.greet()
        finally:
            await channel.close()
    if isinstance(config, SmsConfig):
        return await _looked_up(config.base_url)
    assert isinstance(config, SlackConfig | WebhookConfig)
    return await _looked_up(config.url.get_secret_value())


async def _looked_up(url: str) -> Outcome:
    host = urlsplit(url).hostname or ""
    try:
        await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return retry(f"The name {host} is not found: {error.strerror or error}.")
    return sent(f"The name {host} is found.")
