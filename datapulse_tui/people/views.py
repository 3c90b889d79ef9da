"""What screens and commands see of people: frozen dataclasses, and nothing that knows a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from datapulse_tui.people.belongings import Belonging
from datapulse_tui.people.role_reads import Given
from datapulse_tui.people.sessions import SessionRow


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person in the list. Times are with zone; `zone` is an IANA name; `updated_at` is the version of the account.

    `locked_until` is set while failed sign-ins make them wait, `invited_until` while a code is good with which they can
    choose their first password. `custom_roles` are names.
    """

    id: UUID
    email: str
    name: str
    role: str
    status: str
    department_id: UUID | None
    department: str | None
    phone: str | None
    zone: str
    has_password: bool
    last_login: datetime | None
    created_at: datetime
    updated_at: datetime
    custom_roles: tuple[str, ...]
    locked_until: datetime | None
    invited_until: datetime | None


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record of the trail. `who` acted (a name, an operator or a job); `about` says whether it is about the person
    rather than by them."""

    at: datetime
    who: str
    action: str
    about: bool
    resource_type: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PersonDetail:
    """One person with all that is known of them.

    `above` says why the reader may not change the account ("" when they may): it may do what they may not. What the
    reader may not see of the rest is empty: `records` need `audit:view`, `sessions` `session:manage`. `keys` and
    `ssh_keys` count the good ones.
    """

    row: PersonRow
    avatar: str
    bio: str
    shown_phone: str
    must_change_password: bool
    password_changed_at: datetime | None
    deactivated_at: datetime | None
    above: str
    roles: tuple[Given, ...]
    sessions: tuple[SessionRow, ...]
    keys: int
    ssh_keys: int
    belongings: tuple[Belonging, ...]
    records: tuple[RecordRow, ...]
