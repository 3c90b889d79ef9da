"""What every command does around its work: settings, database, who acts, and errors that people can read."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

from datapulse_tui.errors import DataPulseError

if TYPE_CHECKING:
    from datapulse_tui.audit.actor import Actor
    from datapulse_tui.config import Settings
    from datapulse_tui.data.addresses import Addresses
    from datapulse_tui.data.database import Database

T = TypeVar("T")

FAILED = 1  # a DataPulseError; the message is on stderr
USAGE = 2  # the command line itself is wrong (click's own code)
INTERRUPTED = 130  # ctrl+c


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a command works with. `actor` is the owner of the API key that was given, otherwise the trusted operator or
    the person named by `--as`."""

    settings: Settings
    data: Database
    actor: Actor
    addresses: Addresses


@dataclass(frozen=True, slots=True)
class Options:
    """Options of `datapulse` itself, before the command's name."""

    as_email: str | None = None


_options: ContextVar[Options] = ContextVar("options", default=Options())  # noqa: B039  (frozen)


def set_options(*, as_email: str | None) -> None:
    """Remember the options of this run for the command that follows."""
    _options.set(Options(as_email=as_email))


def acts_for_a_person() -> bool:
    """Whether a person is named, by `--as` or an API key: then commands that are the operator's alone refuse."""
    from datapulse_tui.config_files import API_KEY, API_KEY_FILE

    return bool(_options.get().as_email or os.environ.get(API_KEY) or os.environ.get(API_KEY_FILE))


def fail(error: DataPulseError) -> NoReturn:
    """Print `error` to stderr and end with the code for failure."""
    sys.stderr.write(f"datapulse: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"           {error.hint}\n")
    raise typer.Exit(FAILED)


def noun(about: str) -> typer.Typer:
    """The group of commands of one noun; `about` is its line in the help."""
    return typer.Typer(
        help=about, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )


def settings() -> Settings:
    """The settings of this run; ends the command with a message when they are not valid."""
    from datapulse_tui.config import load_settings

    try:
        return load_settings()
    except DataPulseError as error:
        fail(error)


async def _with_workspace(body: Callable[[Workspace], Awaitable[T]], found: Settings) -> T:
    from datapulse_tui.data.connect import connect
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.house import join
    from datapulse_tui.people.operator import command_actor

    join()

    connection = await connect(found)
    try:
        box = SecretBox.from_settings(found)
        actor = await command_actor(connection.data, box, as_email=_options.get().as_email)
        if actor.key_id is not None:
            from datapulse_tui.people.key_sign_in import still_allowed

            connection.data.before_change = partial(still_allowed, actor=actor)
        return await body(Workspace(found, connection.data, actor, connection.addresses))
    finally:
        await connection.data.dispose()


def run(body: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run `body` with an open workspace. A DataPulseError is printed to stderr and ends the command with 1."""
    found = settings()
    try:
        return asyncio.run(_with_workspace(body, found))
    except DataPulseError as error:
        fail(error)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # the reader of our output went away (`| head`); what is still buffered must not raise at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
