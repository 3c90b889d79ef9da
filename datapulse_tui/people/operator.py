"""Who acts on the command line: the trusted operator who holds the database's address, or a person in whose name they
act. The one place that decides it."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from datapulse_tui import __version__
from datapulse_tui.audit.actor import Actor

if TYPE_CHECKING:
    from datapulse_tui.data.glance import Reader

USER_AGENT = f"datapulse/{__version__} cli"


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
