"""This machine: Python, packages, configuration, folders, disk."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from datapulse_tui import config_files
from datapulse_tui.operations.doctor.findings import Finding, bad, ok, warning
from datapulse_tui.operations.doctor.setup import Setup

if TYPE_CHECKING:
    from datapulse_tui.config import Settings

OLDEST_PYTHON = (3, 11)
PACKAGE = "datapulse-tui"
LOW_DISK = 1_000_000_000
VERY_LOW_DISK = 200_000_000
SECRETS = ("database_url", "direct_url", "owner_url", "secret_key")


async def python(_: Setup) -> Finding:
    """The interpreter, and whether all that DataPulse needs is installed."""
    here = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return bad(f"Python {here}", "DataPulse needs 3.11 or later.", "Install it with a newer Python.")
    missing = _missing()
    if missing:
        return bad(
            f"Python {here}, without {', '.join(missing)}",
            "Parts of DataPulse end with an ImportError.",
            f"Install it anew: pip install --force-reinstall {PACKAGE}",
        )
    return ok(f"Python {here}, all packages are there")


def _missing() -> list[str]:
    """What the installed package asks for and does not find in the version that it asks for."""
    try:
        from packaging.requirements import Requirement
    except ImportError:  # it comes with nearly everything, and is no dependency of ours
        return []
    try:
        wanted = [Requirement(each) for each in metadata.requires(PACKAGE) or []]
    except metadata.PackageNotFoundError:
        return [PACKAGE]
    missing = []
    for each in wanted:
        if each.marker is not None and not each.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            missing.append(each.name)
            continue
        if not each.specifier.contains(found, prereleases=True):
            missing.append(f"{each.name}{each.specifier} (there is {found})")
    return missing


async def configuration(setup: Setup) -> Finding:
    """The file and the environment: can they be read, do they name only what there is, who else can read them."""
    path = config_files.config_path()
    if setup.trouble is not None:
        return bad(setup.trouble.message, "Nothing of DataPulse starts.", setup.trouble.hint)
    given = sorted(name for name in os.environ if name in config_files_variables())
    beside = f"; {len(given)} {'setting' if len(given) == 1 else 'settings'} from the environment" if given else ""
    if not path.exists():
        return ok(f"there is no file at {path}, so defaults stand{beside}")
    mode = stat.S_IMODE(path.stat().st_mode)
    held = [name for name in SECRETS if name in config_files.file_layer(path)]
    if held and os.name == "posix" and mode & 0o077:
        return bad(
            f"{path} holds {', '.join(held)} and can be read by others (mode {mode:o})",
            "Who reads it can open the database.",
            f"Run: chmod 600 {path}",
        )
    return ok(f"{path}{beside}")


def config_files_variables() -> frozenset[str]:
    """The environment's variables that are settings."""
    from datapulse_tui.config import environment_names

    return frozenset(environment_names().values())


async def home(setup: Setup) -> Finding:
    """The folder of database, key and logs."""
    path = setup.known.home
    if not path.exists():
        parent = next(each for each in path.parents if each.exists())
        if not os.access(parent, os.W_OK):
            return bad(
                f"{path} cannot be made", "Nothing can be kept.", f"Make {parent} writable, or set DATAPULSE_HOME."
            )
        return ok(f"{path} is made at the first start")
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if not os.access(path, os.W_OK | os.X_OK):
        return bad(f"{path} cannot be written", "No log, no key and no embedded database.", f"Make {path} writable.")
    if os.name == "posix" and mode & 0o022:
        return warning(
            f"{path} can be written by others (mode {mode:o})",
            "They could put another database or key in its place.",
            f"Run: chmod go-w {path}",
        )
    return ok(f"{path} (mode {mode:o})")


async def key(setup: Setup) -> Finding:
    """The key of stored secrets: there, of its owner alone, and a key."""
    from datapulse_tui.data.secrets import SecretBox
    from datapulse_tui.errors import DataPulseError

    box = SecretBox.from_settings(setup.known)
    if box.path is not None and not box.path.exists() and not box.path.is_symlink():
        return ok(f"{box.path} is made with the first secret that is stored")
    try:
        number = len(box.keys())
    except DataPulseError as error:
        return bad(error.message, "Sources and channels with a password do not work.", error.hint)
    where = box.path or "DATAPULSE_SECRET_KEY"
    return ok(
        f"{number} {'key' if number == 1 else 'keys'} in {where}; a backup does not hold it, so keep a copy apart"
    )


async def disk(setup: Setup) -> Finding:
    """Room for logs and, where it is embedded, the database."""
    settings = setup.known
    places = {_existing(settings.home)}
    if settings.embedded:
        places.add(_existing((settings.home / "postgres").resolve()))
    free = {place: shutil.disk_usage(place).free for place in places}
    place, least = min(free.items(), key=lambda each: each[1])
    says = f"{least / 1e9:,.1f} GB free at {place}"
    what = "The database stops taking changes when the disk is full." if settings.embedded else "Logs are lost."
    if least < VERY_LOW_DISK:
        return bad(says, what, "Free some room now.")
    if least < LOW_DISK:
        return warning(says, what, "Free some room, or move DATAPULSE_HOME.")
    return ok(says)


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def load(setup: Setup, settings: Settings | None = None) -> None:
    """Read the settings into `setup`, or why they cannot be read."""
    from datapulse_tui.config import load_settings
    from datapulse_tui.errors import DataPulseError

    try:
        setup.settings = settings or load_settings()
    except DataPulseError as error:
        setup.trouble = error
