"""Who acts on the command line: the owner of an API key, the trusted operator who holds the database's address, or a
person in whose name the operator acts. The one place that decides it."""

from __future__ import annotations

import getpass
import os
import socket
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from datapulse_tui import __version__
from datapulse_tui.audit.actor import Actor
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.config import Secret
    from datapulse_tui.data.database import Database
    from datapulse_tui.data.glance import Reader
    from datapulse_tui.data.secrets import SecretBox

USER_AGENT = f"datapulse/{__version__} cli"
LONGEST_FILE = 4_096  # bytes of a file with a key


async def command_actor(data: Database, secrets: SecretBox, *, as_email: str | None = None) -> Actor:
    """Who acts in this run: with an API key in the environment its owner and nobody else, otherwise `operator_actor`.

    A key that is empty, wrong, expired or revoked never makes an operator of whoever gave it: KeyRefused, or Invalid
    for one that cannot be read and for one together with `as_email`.
    """
    key = given_key(os.environ, as_email=as_email)
    if key is not None:
        from datapulse_tui.people.key_sign_in import authenticate

        return await authenticate(data, secrets, key.get_secret_value(), ip=origin(os.environ), user_agent=USER_AGENT)
    async with data.reading() as session:
        return await operator_actor(session, as_email=as_email)


def given_key(environment: Mapping[str, str], *, as_email: str | None = None) -> Secret | None:
    """The API key that the environment gives, by itself or in a file of its owner's alone; None without one.

    Raises Invalid for both at once, for one together with `as_email`, for an empty one (a job whose secret was not set
    must not run as the operator), and for a file that cannot be read, or that others can read.
    """
    from datapulse_tui.config import Secret
    from datapulse_tui.config_files import API_KEY, API_KEY_FILE

    given = [name for name in (API_KEY, API_KEY_FILE) if name in environment]
    if not given:
        return None
    if as_email is not None:
        raise Invalid(
            f"{given[0]} says who acts, and so does --as (or DATAPULSE_AS). Nothing was done.",
            hint=f"Leave --as away to act with the key, or unset {given[0]} to act as an operator.",
        )
    if len(given) > 1:
        raise Invalid(f"{API_KEY} and {API_KEY_FILE} are both set. Nothing was done.", hint="Unset one of them.")
    key = environment[API_KEY] if given == [API_KEY] else _from_file(Path(environment[API_KEY_FILE]).expanduser())
    if not key.strip():
        raise Invalid(
            f"{given[0]} is set, but there is no key in it. Nothing was done.",
            hint="Set it to a key, or unset it to act as an operator.",
        )
    return Secret(key.strip())


def _from_file(path: Path) -> str:
    """The first line of a file that nobody else can read. Its content is in no message."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise Invalid(
                    f"The file of the API key {path} can be read by others (mode {mode:o}). Nothing was done.",
                    hint=f"Run: chmod 600 {path}. If others may have read it, rotate the key as well.",
                )
            content = file.read(LONGEST_FILE)
    except OSError as error:
        raise Invalid(
            f"The file of the API key {path} cannot be read: {error.strerror}. Nothing was done.",
            hint="DATAPULSE_API_KEY_FILE names a file that holds the key on its first line.",
        ) from None
    return content.partition(b"\n")[0].decode("ascii", "replace")


def operator() -> Actor:
    """The operator of this machine's account (`operator:root@host`), who may do everything and is always recorded."""
    return Actor(
        user_id=None,
        label=f"operator:{_os_user()}@{socket.gethostname()}",
        everything=True,
        role="operator",
        ip_address=origin(os.environ),
        user_agent=USER_AGENT,
    )


async def operator_actor(session: Reader, *, as_email: str | None = None) -> Actor:
    """The operator, or the active person with the address `as_email` with that person's rights and no more.

    The trail then names both. Raises NotFound and Invalid for an address of nobody.
    """
    acting = operator()
    if as_email is None:
        return acting
    from datapulse_tui.people.actors import actor_for

    return await actor_for(
        session, as_email, ip_address=acting.ip_address, user_agent=acting.user_agent, through=acting.label
    )


def origin(environment: Mapping[str, str]) -> str | None:
    """Where the keys are pressed: the address of an SSH client, else the name of the terminal, None without one."""
    client = environment.get("SSH_CONNECTION", "").split(" ")[0]
    if client:
        return client
    for stream in (sys.stdin, sys.stderr):
        try:
            return os.ttyname(stream.fileno())
        except (OSError, ValueError, AttributeError):  # no terminal, no file, no stream (or no terminals at all)
            continue
    return None


def _os_user() -> str:
    """The account that the process runs as. The environment, which anybody can set, is asked only where there is no
    other way."""
    try:
        import pwd
    except ImportError:  # Windows
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container that runs as a number
        return str(os.getuid())
