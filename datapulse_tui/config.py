"""Settings: environment over TOML file over defaults, each with its type.

Every field can be given in the file (`database_url = "..."`) or in the environment (`DATAPULSE_DATABASE_URL=...`);
in the environment, folders are separated by the platform's path separator and hosts by commas.

A dataclass with its own checks: importing pydantic for a dozen fields takes a fifth of the time to a usable list.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from datapulse_tui import config_files
from datapulse_tui.errors import Invalid

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LONGEST_IDLE = 24 * 60  # minutes
MOST_DAYS = 36_500


class Secret:
    """A text that is never shown: not by str, repr, a log line or an exception."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def get_secret_value(self) -> str:
        """The text itself, for whoever really needs it."""
        return self._value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text was expected")
    return value


def _secret(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(_text(value))


def _database(value: object) -> Secret:
    secret = _secret(value)
    wrong = "an address such as postgresql://user@host:5432/database was expected"
    try:
        parts = urlsplit(secret.get_secret_value())
        _ = parts.port  # raises for one that is not a number
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme not in ("postgres", "postgresql", "postgresql+psycopg") or not parts.path.strip("/"):
        raise ValueError(wrong)
    return secret


def database_address(text: str) -> str:
    """`text`, if it names a PostgreSQL database. Raises ValueError, whose words hold nothing of it."""
    return _database(text).get_secret_value()


def _folder(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("the path of a folder was expected")
    return Path(value).expanduser().absolute()


def _folders(value: object) -> tuple[Path, ...]:
    parts = value.split(os.pathsep) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError("a list of folders was expected")
    return tuple(_folder(part) for part in parts if part)


def _hosts(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError("a list of host names was expected")
    return tuple(_text(part).strip() for part in parts if part)


def _zone(value: object) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    name = _text(value)
    if name == "UTC":
        return name
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as Europe/Vienna") from error
    return name


def _whole(value: object, unit: str, least: int, most: int) -> int:
    wrong = f"a whole number of {unit} from {least} to {most} was expected"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(wrong)
    try:
        number = int(value)
    except ValueError:
        raise ValueError(wrong) from None
    if not least <= number <= most:
        raise ValueError(wrong)
    return number


def _minutes(value: object) -> int:
    return _whole(value, "minutes", 0, LONGEST_IDLE)


def _days(least: int) -> Callable[[object], int]:
    return lambda value: _whole(value, "days", least, MOST_DAYS)


def _keys(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value.values()):
        raise ValueError('a table of keys was expected, such as { "dashboards.star" = "f" }')
    return {str(action): key for action, key in value.items()}


def _level(value: object) -> str:
    if value not in LOG_LEVELS:
        raise ValueError(f"one of {', '.join(LOG_LEVELS)} was expected")
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation decides. Made by `load_settings`, which checks; `changed` makes another.

    `home` is the folder of the embedded database, keys and logs. `database_url` is the application's way in (none means
    the embedded server), `direct_url` the same without a pooler, `owner_url` for migrations. `secret_key` holds Fernet
    keys, newest first, separated by commas. `time_zone` is the workspace's. `idle_lock_minutes` 0 means never. CSV
    sources and image widgets read only inside `allowed_csv_folders`, and fetch from private hosts only if they are
    `allowed_hosts`. `keymap` holds keys by action id. Workers keep measurements for `sample_days`, their hours for
    `hourly_days`, and what was sent for `delivery_days`.
    """

    home: Path
    database_url: Secret | None = None
    direct_url: Secret | None = None
    owner_url: Secret | None = None
    secret_key: Secret | None = None
    theme: str = "dark"
    time_zone: str = "UTC"
    idle_lock_minutes: int = 15
    allowed_csv_folders: tuple[Path, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    keymap: Mapping[str, str] = field(default_factory=dict)
    log_level: str = "INFO"
    sample_days: int = 30
    hourly_days: int = 365
    delivery_days: int = 90

    @property
    def embedded(self) -> bool:
        """True when no server is named, so DataPulse runs its own."""
        return self.database_url is None

    @property
    def log_path(self) -> Path:
        """The file that details go to."""
        return self.home / "log" / "datapulse.log"

    def changed(self, **changes: Any) -> Settings:
        """These settings with other values for some fields, which are taken as they are."""
        return replace(self, **changes)


_READERS: dict[str, Callable[[object], Any]] = {
    "home": _folder,
    "database_url": _database,
    "direct_url": _database,
    "owner_url": _database,
    "secret_key": _secret,
    "theme": _text,
    "time_zone": _zone,
    "idle_lock_minutes": _minutes,
    "allowed_csv_folders": _folders,
    "allowed_hosts": _hosts,
    "keymap": _keys,
    "log_level": _level,
    "sample_days": _days(2),
    "hourly_days": _days(62),
    "delivery_days": _days(1),
}


def environment_names() -> dict[str, str]:
    """Field name -> environment variable, for every setting that fits into one variable."""
    return {name: f"{config_files.ENVIRONMENT_PREFIX}{name.upper()}" for name in _READERS if name != "keymap"}


def make_settings(values: Mapping[str, object]) -> Settings:
    """Settings from untyped values. Raises Invalid naming each field and the reason."""
    found: dict[str, Any] = {}
    problems = [f"{name}: there is no such setting" for name in values if name not in _READERS]
    for name, value in values.items():
        if name in _READERS:
            try:
                found[name] = _READERS[name](value)
            except ValueError as error:
                problems.append(f"{name}: {error}")
    if problems:
        raise Invalid(f"A setting is not valid: {'; '.join(problems)}.")
    return Settings(**found)


def load_settings(**overrides: Any) -> Settings:
    """Read all layers; `overrides` (from command-line options) win. Raises Invalid naming the field and the reason."""
    path = config_files.config_path()
    try:
        layers: dict[str, Any] = {"home": config_files.default_home()}
        layers |= config_files.file_layer(path)
    except config_files.ConfigFileError as error:
        raise Invalid(str(error), hint="Mend the file, or move it away to start with the defaults.") from error
    layers |= config_files.environment_layer(environment_names(), os.environ)
    layers |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return make_settings(layers)
    except Invalid as error:
        hint = f"Mend it in {path} or in the environment (DATAPULSE_...)."
        raise Invalid(error.message, hint=hint) from None
