"""Where settings come from: environment over TOML file over defaults. Knows no pydantic: the first paint asks it.

`config.Settings` gives the values their types; this module only finds and merges the layers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ENVIRONMENT_PREFIX = "DATAPULSE_"
API_KEY = "DATAPULSE_API_KEY"
API_KEY_FILE = "DATAPULSE_API_KEY_FILE"
ROLE_SECRETS = ("DATAPULSE_ADMIN_URL", "DATAPULSE_OWNER_PASSWORD", "DATAPULSE_APP_PASSWORD")  # of `db init-roles`
CREDENTIALS = (API_KEY, API_KEY_FILE, "DATAPULSE_CHANNEL_SECRET", *ROLE_SECRETS)
"""Variables that are for the process that they were given to, and for no child of it."""


class ConfigFileError(Exception):
    """The configuration file is there but cannot be read; the text says which file, where and why."""


def default_home() -> Path:
    """The folder of everything that DataPulse keeps on this machine: DATAPULSE_HOME or the platform's data folder."""
    given = os.environ.get("DATAPULSE_HOME")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("datapulse", appauthor=False))


def config_path() -> Path:
    """The configuration file: DATAPULSE_CONFIG, or `config.toml` in the platform's configuration folder."""
    given = os.environ.get("DATAPULSE_CONFIG")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_config_dir("datapulse", appauthor=False)) / "config.toml"


def file_layer(path: Path) -> dict[str, Any]:
    """The file's keys; empty when there is no file. Raises ConfigFileError when it is not TOML or not readable."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFileError(f"The configuration file {path} cannot be read: {error}.") from error
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigFileError(f"The configuration file {path} is not valid TOML: {error}.") from error


def environment_layer(names: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that the environment gives: for each `name: VARIABLE` of `names` that is set and not empty."""
    return {name: environ[variable] for name, variable in names.items() if environ.get(variable)}


def early(name: str, default: str) -> str:
    """One text setting for the first paint (the theme), unvalidated; a broken file is reported later, not here."""
    given = os.environ.get(f"{ENVIRONMENT_PREFIX}{name.upper()}")
    if given:
        return given
    try:
        value = file_layer(config_path()).get(name, default)
    except ConfigFileError:
        return default
    return value if isinstance(value, str) else default


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """What a process that DataPulse starts gets of this one's environment: all but what signs somebody in."""
    return {name: value for name, value in environ.items() if name not in CREDENTIALS}
