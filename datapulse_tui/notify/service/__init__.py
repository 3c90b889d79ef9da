"""What changes the outbox and the channels, each in its caller's transaction (a test has its own)."""

from __future__ import annotations

from datapulse_tui.notify.service.channels import create_channel, delete_channel, update_channel
from datapulse_tui.notify.service.outbox import DRAIN, QUEUE, cancel, has_channel, queue, send_again, withdraw
from datapulse_tui.notify.service.testing import TestResult, test_channel

__all__ = [
    "DRAIN",
    "QUEUE",
    "TestResult",
    "cancel",
    "create_channel",
    "delete_channel",
    "has_channel",
    "queue",
    "send_again",
    "test_channel",
    "update_channel",
    "withdraw",
]
