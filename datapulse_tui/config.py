"""Settings: environment over TOML file over defaults, each with its type.

Every field can be given in the file (`database_url = "..."`) or in the environment (`DATAPULSE_DATABASE_URL=...`);
in the environment, folders are separated by the platform's path separator and hosts by commas.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from datapulse_tui import config_files
from datapulse_tui.errors import Invalid


def _split_paths(value: Any) -> Any:
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


def _split_hosts(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Settings(BaseModel):
    """What an installation decides. Frozen; made by `load_settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(description="folder of the embedded database, keys and logs")
    database_url: SecretStr | None = Field(None, description="a PostgreSQL 15+ to use; none means the embedded one")
    direct_url: SecretStr | None = Field(None, description="the same server without a pooler (workers, LISTEN)")
    owner_url: SecretStr | None = Field(None, description="the owner role's address, for migrations")
    secret_key: SecretStr | None = Field(None, description="Fernet keys, newest first, separated by commas")
    theme: str = Field("dark", description="name of the colour theme")
    time_zone: str = Field("UTC", description="the workspace's zone: working hours and digests")
    idle_lock_minutes: int = Field(15, ge=0, le=24 * 60, description="minutes without a key until the desk locks")
    allowed_csv_folders: Annotated[tuple[Path, ...], BeforeValidator(_split_paths)] = Field(
        (), description="folders that csv sources and image widgets may read"
    )
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_split_hosts)] = Field(
        (), description="private hosts that image widgets may fetch from all the same"
    )
    keymap: dict[str, str] = Field(default_factory=dict, description="keys by action id, over the built-in ones")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="what goes into the log file")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not a time zone of the IANA database, such as Europe/Vienna") from error
        return value

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def embedded(self) -> bool:
        """True when no server is named, so DataPulse runs its own."""
        return self.database_url is None

    @property
    def log_path(self) -> Path:
        """The file that details go to."""
        return self.home / "log" / "datapulse.log"


def environment_names() -> dict[str, str]:
    """Field name -> environment variable, for every setting that fits into one variable."""
    return {
        name: f"{config_files.ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields if name != "keymap"
    }


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
        return Settings.model_validate(layers)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise Invalid(
            f"A setting is not valid: {problems}.", hint=f"Mend it in {path} or in the environment (DATAPULSE_...)."
        ) from None
