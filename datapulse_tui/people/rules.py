"""Decisions about people: roles and what they may do, names and passwords, how long sign-in waits. Pure."""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from datapulse_tui.errors import Invalid


class Role(StrEnum):
    """The built-in roles, each with everything that the one before may do."""

    BUSINESS_USER = "business_user"
    ANALYST = "analyst"
    OPS_MANAGER = "ops_manager"
    ADMIN = "admin"


class Status(StrEnum):
    """Where an account stands: only an active one signs in."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"


# -- permissions -------------------------------------------------------------------------------------------------------

# The one table: permission, explanation ("lets a person ..."), the first built-in role that has it. Whoever stands
# higher has it too. Custom roles are made of these words, and a word that is not here gives nothing.
_TABLE: tuple[tuple[str, str, Role], ...] = (
    ("dashboard:view", "open dashboards that are their own, public or shared with them", Role.BUSINESS_USER),
    ("dashboard:create", "make dashboards, and edit those shared with them for editing", Role.ANALYST),
    ("dashboard:share", "share their dashboards with others", Role.ANALYST),
    ("dashboard:publish", "make their dashboards public", Role.OPS_MANAGER),
    ("dashboard:manage", "open, change, share and delete everybody's dashboards", Role.ADMIN),
    ("source:view", "see which data sources there are, their state, tables and columns", Role.ANALYST),
    ("source:query", "run and save SQL on the sources that are granted to them", Role.ANALYST),
    ("source:manage", "add, change and delete sources, grant them to people, and query all of them", Role.ADMIN),
    ("query:view", "see saved queries on the sources that are granted to them", Role.ANALYST),
    ("query:create", "save queries", Role.ANALYST),
    ("query:manage", "change and delete everybody's saved queries", Role.ADMIN),
    ("model:view", "see data models", Role.ANALYST),
    ("model:create", "make data models", Role.ANALYST),
    ("model:manage", "change and delete everybody's data models", Role.ADMIN),
    ("alert:view", "see the incidents that they receive, and their rules", Role.BUSINESS_USER),
    ("alert:comment", "comment on the incidents that they see", Role.BUSINESS_USER),
    ("alert:triage", "acknowledge, snooze, assign and resolve incidents that they receive", Role.BUSINESS_USER),
    ("alert:view_all", "see every incident and every rule", Role.OPS_MANAGER),
    ("alert:triage_all", "acknowledge, snooze, assign and resolve every incident", Role.OPS_MANAGER),
    ("alert:create", "make alert rules, and change and delete their own", Role.OPS_MANAGER),
    ("alert:manage", "change and delete everybody's alert rules", Role.ADMIN),
    ("delivery:view", "see which notifications were sent, failed or held back, and why", Role.OPS_MANAGER),
    ("delivery:manage", "send failed notifications again, and set up the channels", Role.ADMIN),
    ("workflow:request", "make requests, and withdraw their own", Role.BUSINESS_USER),
    ("workflow:comment", "comment on the requests that they see", Role.BUSINESS_USER),
    ("workflow:decide", "approve and reject requests of the types that they are an approver of", Role.OPS_MANAGER),
    ("workflow:delegate", "name a substitute for the time of their absence", Role.OPS_MANAGER),
    ("workflow:view_all", "see every request and its decision", Role.OPS_MANAGER),
    ("workflow:manage", "reassign requests, and run a failed effect again", Role.ADMIN),
    ("report:view", "read the reports that are sent to them", Role.BUSINESS_USER),
    ("report:create", "schedule reports of dashboards that they may open", Role.ANALYST),
    ("report:manage", "change, run and delete everybody's reports", Role.ADMIN),
    ("bulletin:view", "read bulletins", Role.BUSINESS_USER),
    ("bulletin:comment", "comment on bulletins", Role.BUSINESS_USER),
    ("bulletin:create", "write bulletins, and change and archive their own", Role.ANALYST),
    ("bulletin:manage", "change and archive everybody's bulletins, hide comments, keep the tags", Role.ADMIN),
    ("user:find", "find people by name or address, to share and to assign", Role.BUSINESS_USER),
    ("user:view", "see everybody's account: role, status, last sign-in", Role.ADMIN),
    ("user:create", "add and invite people", Role.ADMIN),
    ("user:update", "change everybody's account and profile: name, address, department, picture", Role.ADMIN),
    ("user:activate", "activate accounts", Role.ADMIN),
    ("user:deactivate", "deactivate accounts", Role.ADMIN),
    ("user:set_role", "give a built-in role to a person", Role.ADMIN),
    ("user:set_password", "set and reset a person's password", Role.ADMIN),
    ("user:unlock", "let a person whose failed sign-ins delay them try again at once", Role.ADMIN),
    ("role:view", "see the roles and who has them", Role.ADMIN),
    ("role:manage", "make, change and delete custom roles", Role.ADMIN),
    ("role:assign", "give custom roles to people and take them away", Role.ADMIN),
    ("department:view", "see the departments, their heads and members", Role.BUSINESS_USER),
    ("department:manage", "make, change and delete departments", Role.ADMIN),
    ("apikey:create", "make API keys for themselves, and revoke them", Role.ANALYST),
    ("apikey:manage", "see and revoke everybody's API keys", Role.ADMIN),
    ("sshkey:create", "ask for their SSH keys to be admitted", Role.BUSINESS_USER),
    ("sshkey:manage", "admit and revoke SSH keys", Role.ADMIN),
    ("session:manage", "see and end everybody's sessions", Role.ADMIN),
    ("audit:view", "read and export the audit trail", Role.ADMIN),
    ("audit:verify", "verify the audit trail", Role.ADMIN),
    ("health:view", "see workers, queues, pools and the database's state", Role.OPS_MANAGER),
    ("health:manage", "run failed jobs again", Role.ADMIN),
)

PERMISSIONS: Mapping[str, str] = MappingProxyType({word: explanation for word, explanation, _ in _TABLE})
"""Every permission with its explanation, which completes "lets a person ..."."""

_ORDER = tuple(Role)

ROLE_PERMISSIONS: Mapping[Role, frozenset[str]] = MappingProxyType(
    {role: frozenset(word for word, _, first in _TABLE if _ORDER.index(first) <= _ORDER.index(role)) for role in Role}
)
"""What each built-in role may do."""


def effective_permissions(role: Role | str, custom: Iterable[Iterable[str]] = ()) -> frozenset[str]:
    """What a person with the built-in `role` and the permissions of each custom role in `custom` may do."""
    added = {word for words in custom for word in words if word in PERMISSIONS}
    return ROLE_PERMISSIONS[Role(role)] | added


# -- who a person is ---------------------------------------------------------------------------------------------------

EMAIL_LENGTH = 255
NAME_LENGTH = 100
PHONE_LENGTH = 50
AVATAR_LENGTH = 255
BIO_LENGTH = 2_000


def role_in_words(role: str) -> str:
    """A built-in role as people read it."""
    return role.replace("_", " ")


def normalise_email(text: str) -> str:
    """The address as it is stored: trimmed, in lower case. Raises Invalid for what cannot be one."""
    email = unicodedata.normalize("NFC", text.strip()).lower()
    local, _, domain = email.rpartition("@")
    if not local or not domain or "@" in local or len(email) > EMAIL_LENGTH or not _is_word(email):
        raise Invalid("This is not an e-mail address. Nothing was changed.", hint="Write it like ana@example.com.")
    return email


def normalise_name(text: str) -> str:
    """A person's name, trimmed. Raises Invalid when it is empty, too long or holds control characters."""
    name = unicodedata.normalize("NFC", text.strip())
    if not name or len(name) > NAME_LENGTH or any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise Invalid(f"A name has 1 to {NAME_LENGTH} characters on one line. Nothing was changed.")
    return name


def normalise_phone(text: str) -> str | None:
    """A phone number as it is shown, trimmed; None for an empty one. Raises Invalid."""
    phone = text.strip()
    if not phone:
        return None
    digits = sum(c in "0123456789" for c in phone)
    if len(phone) > PHONE_LENGTH or digits < 3 or any(c not in "0123456789 +-()./" for c in phone):
        raise Invalid("This is not a phone number. Nothing was changed.", hint="Write it like +43 1 234 56 78.")
    return phone


def normalise_avatar(text: str) -> str | None:
    """Where a person's picture is (a path or an address), trimmed; None for an empty one. Raises Invalid."""
    avatar = text.strip()
    if len(avatar) > AVATAR_LENGTH or any(unicodedata.category(c).startswith("C") for c in avatar):
        raise Invalid(f"A picture's path or address has at most {AVATAR_LENGTH} characters. Nothing was changed.")
    return avatar or None


def normalise_bio(text: str) -> str | None:
    """What a person says of themselves: some lines, trimmed, without control characters; None for nothing. Raises
    Invalid."""
    bio = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(bio) > BIO_LENGTH or any(unicodedata.category(c) in ("Cc", "Cs") and c != "\n" for c in bio):
        raise Invalid(f"What is said of a person has at most {BIO_LENGTH:,} characters. Nothing was changed.")
    return bio or None


def _is_word(text: str) -> bool:
    """Whether `text` has neither white space nor control, format or unassigned characters."""
    return not any(c.isspace() or unicodedata.category(c).startswith("C") for c in text)


# -- passwords ---------------------------------------------------------------------------------------------------------

PASSWORD_MINIMUM = 10  # characters
PASSWORD_MAXIMUM = 72  # bytes in UTF-8; bcrypt looks at no more
PASSWORD_VARIETY = 5  # different characters
NO_PASSWORD = "!"  # noqa: S105  (stands for an invited person who has none yet; no hash looks like it)


def password_bytes(password: str) -> bytes:
    """What is hashed: the same whichever way the keyboard composed an accent."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def check_new_password(password: str, *, email: str = "", name: str = "") -> None:
    """Raise Invalid, saying why, unless `password` may be used. The message never holds the password."""
    problem = _password_problem(password, email, name)
    if problem:
        raise Invalid(f"This password cannot be used: {problem}. Nothing was changed.", hint="Choose another one.")


def _password_problem(password: str, email: str, name: str) -> str:
    if len(password) < PASSWORD_MINIMUM:
        return f"it has fewer than {PASSWORD_MINIMUM} characters"
    size = len(password_bytes(password))
    if size > PASSWORD_MAXIMUM:
        return f"it is {size} bytes long and only the first {PASSWORD_MAXIMUM} would count (é is 2 bytes, an emoji 4)"
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in password):
        return "it holds a control character, such as a line end"
    if len(set(password)) < PASSWORD_VARIETY:
        return f"it has fewer than {PASSWORD_VARIETY} different characters"
    plain = password.strip().casefold()
    if plain in {email.casefold(), email.partition("@")[0].casefold(), name.casefold()}:
        return "it is the person's address or name"
    return ""


# -- sign-in delay -----------------------------------------------------------------------------------------------------

FAILURES_ALLOWED = 5
FAILURE_WINDOW = timedelta(minutes=5)
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=15)
FAILURES_REMEMBERED = timedelta(hours=24)

NO_DELAY = timedelta(0)


def sign_in_delay(failures: Sequence[datetime], now: datetime) -> timedelta:
    """How long an address waits before it may try again; zero means now.

    `failures` are the times of its failed attempts since its last success, in order; those older than
    FAILURES_REMEMBERED do not count. The fifth within five minutes makes it wait 30 s, each further one twice as long
    up to 15 minutes. Attempts while it waits are refused unseen and are no failures: nobody is locked out for ever.
    """
    recent: deque[datetime] = deque(maxlen=FAILURES_ALLOWED)
    strikes = 0
    last = now
    for failure in failures:
        if failure <= now - FAILURES_REMEMBERED:
            continue
        recent.append(failure)
        last = failure
        if strikes or (len(recent) == FAILURES_ALLOWED and failure - recent[0] <= FAILURE_WINDOW):
            strikes += 1
    if not strikes:
        return NO_DELAY
    doublings: int = min(strikes - 1, 16)
    delay = min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)
    # A clock that was set back must not make the wait longer than the rule says.
    return min(max(last + delay - now, NO_DELAY), delay)
