"""The channels, one module each; `open_channel` makes one from its configuration."""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datapulse_tui.notify.channels.base import Channel

if TYPE_CHECKING:
    from datapulse_tui.notify.schemas import ChannelConfig


async def open_channel(type_: str, document: Mapping[str, Any]) -> Channel:
    """The channel of a configuration with its secrets in plain text. Connects to nothing yet.

    Raises Invalid for a configuration that is none or cannot be used here, OSError for a file of authorities that
    cannot be read.
    """
    from datapulse_tui.notify.schemas import parse_config

    # The import takes up to 0.2 s that the event loop cannot spare.
    await asyncio.to_thread(importlib.import_module, "aiosmtplib" if type_ == "email" else "aiohttp")
    return await _open(parse_config(type_, document))


async def _open(config: ChannelConfig) -> Channel:
    from datapulse_tui.notify import schemas

    if isinstance(config, schemas.EmailConfig):
        from datapulse_tui.notify.channels.email import EmailChannel

        context = await asyncio.to_thread(ssl.create_default_context)
        if config.ca_file is not None:
            context.load_verify_locations(config.ca_file)
        return EmailChannel(config, context)
    from datapulse_tui.notify.channels.http import open_poster

    if isinstance(config, schemas.SlackConfig):
        from datapulse_tui.notify.channels.slack import SlackChannel

        return SlackChannel(await open_poster(config.url.get_secret_value(), connections=SlackChannel.slots))
    if isinstance(config, schemas.SmsConfig):
        from datapulse_tui.notify.channels.sms import SmsChannel, messages_of

        poster = await open_poster(messages_of(config.base_url, config.account), connections=SmsChannel.slots)
        return SmsChannel(poster, config.account, config.token.get_secret_value(), config.sender)
    from datapulse_tui.notify.channels.webhook import WebhookChannel

    assert isinstance(config, schemas.WebhookConfig)
    url = config.url.get_secret_value()
    poster = await open_poster(url, connections=WebhookChannel.slots, ca_file=config.ca_file)
    return WebhookChannel(poster, config.secret.get_secret_value())
