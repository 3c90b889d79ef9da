"""What changes people. Each verb checks the right, locks, writes, records and tells the desks, in the caller's
transaction."""

from __future__ import annotations

from datapulse_tui.people.service.accounts import activate, add_user, deactivate, first_admin
from datapulse_tui.people.service.common import TOPIC
from datapulse_tui.people.service.credentials import reset_password, set_password, unlock
from datapulse_tui.people.service.giving import raise_role, set_role
from datapulse_tui.people.service.profiles import set_preference, set_profile

__all__ = [
    "TOPIC",
    "activate",
    "add_user",
    "deactivate",
    "first_admin",
    "raise_role",
    "reset_password",
    "set_password",
    "set_preference",
    "set_profile",
    "set_role",
    "unlock",
]
