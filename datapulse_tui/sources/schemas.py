"""What a source of each type is configured with, validated before it is stored and again before it is used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from datapulse_tui.errors import Invalid

_FUNCTION = re.compile(r"[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)?")


class SourceConfig(BaseModel):
    """What all types share. `allowed_functions` are added to the guard's list for this source."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    secret_fields: ClassVar[frozenset[str]] = frozenset()

    allowed_functions: tuple[str, ...] = Field((), description="functions that queries may call on top of the list")
    max_connections: int = Field(4, ge=1, le=32, description="queries of one process at once")
    statement_timeout: float = Field(30.0, ge=1, le=3600, description="seconds that one query may take at most")

    @field_validator("allowed_functions")
    @classmethod
    def _function_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not _FUNCTION.fullmatch(name):
                raise ValueError(f"{name!r} is not a function's name in lower case (name, or schema.name)")
        return tuple(sorted(set(names)))

    def document(self) -> dict[str, Any]:
        """The configuration as JSON, secrets in plain text: seal it before it is stored."""
        values = self.model_dump(mode="python", exclude_defaults=True)
        return {
            key: value.get_secret_value()
            if isinstance(value, SecretStr)
            else list(value)
            if isinstance(value, tuple)
            else value
            for key, value in values.items()
        }


class PostgresConfig(SourceConfig):
    """A PostgreSQL server, or one that speaks its protocol. `host` may be a socket folder; `service` names an entry of
    pg_service.conf in place of the address; `url` (postgresql://user:password@host:port/dbname) is taken apart."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    host: str | None = Field(None, min_length=1, max_length=1000)
    port: int = Field(5432, ge=1, le=65535)
    dbname: str | None = Field(None, min_length=1, max_length=63)
    user: str | None = Field(None, min_length=1, max_length=63)
    password: SecretStr | None = None
    service: str | None = Field(None, min_length=1, max_length=200)
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    sslrootcert: str | None = Field(None, max_length=1000, description="file of the authorities, or 'system'")
    timezone: str = Field("UTC", max_length=100, description="zone in which the source truncates and prints times")

    @property
    def address(self) -> str:
        """`host:port/dbname`, or the service."""
        return f"service {self.service}" if self.host is None else f"{self.host}:{self.port}/{self.dbname}"

    @model_validator(mode="before")
    @classmethod
    def _take_url_apart(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("url") is None:
            return values
        rest = {key: value for key, value in values.items() if key != "url" and value is not None}
        url = values["url"]
        return {**_from_url(url.get_secret_value() if isinstance(url, SecretStr) else str(url)), **rest}

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not a time zone of the IANA database, such as Europe/Vienna") from None
        return value

    @model_validator(mode="after")
    def _complete(self) -> PostgresConfig:
        if self.service is None:
            missing = [name for name in ("host", "dbname", "user") if getattr(self, name) is None]
            if missing:
                raise ValueError(f"{', '.join(missing)} must be given (or a service)")
        return self


def _from_url(text: str) -> dict[str, Any]:
    try:
        url = urlsplit(text)
        query = {key: found[-1] for key, found in parse_qs(url.query, strict_parsing=bool(url.query)).items()}
        values: dict[str, Any] = {
            "host": unquote(url.hostname) if url.hostname else None,
            "port": url.port,
            "user": unquote(url.username) if url.username else None,
            "password": unquote(url.password) if url.password else None,
            "dbname": unquote(url.path.lstrip("/")) or None,
        }
    except ValueError:
        raise ValueError("the url cannot be read; its form is postgresql://user:password@host:port/dbname") from None
    if url.scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("the url must begin with postgresql://")
    unknown = sorted(set(query) - {"host", "port", "user", "password", "dbname", "sslmode", "sslrootcert"})
    if unknown:
        raise ValueError(f"the url has options that are not known here: {', '.join(unknown)}")
    return {key: value for key, value in {**values, **query}.items() if value is not None}


class CsvConfig(SourceConfig):
    """CSV files: one file, or a folder in which every *.csv is a table. What is not given is found out by DuckDB."""

    path: str = Field(min_length=1, max_length=4000)
    delimiter: str | None = Field(None, min_length=1, max_length=4)
    quote: str | None = Field(None, max_length=1)
    header: bool | None = None
    encoding: Literal["utf-8", "utf-16", "latin-1"] | None = None
    decimal_separator: Literal[".", ","] | None = None
    date_format: str | None = Field(None, max_length=50)
    timestamp_format: str | None = Field(None, max_length=50)
    null_values: tuple[Annotated[str, Field(max_length=100)], ...] = ()
    memory_limit_mb: int = Field(512, ge=128, le=262_144, description="memory that DuckDB may use for this source")
    threads: int = Field(4, ge=1, le=64, description="threads that DuckDB may use for this source, at most the CPUs")

    @field_validator("path")
    @classmethod
    def _no_pattern(cls, value: str) -> str:
        if "\0" in value or "://" in value:
            raise ValueError("must be the path of a file or a folder on this machine")
        return value


CONFIGS: dict[str, type[SourceConfig]] = {"postgresql": PostgresConfig, "csv": CsvConfig}
LATER = frozenset({"mysql", "rest_api"})


def config_class(type_: str) -> type[SourceConfig]:
    """The configuration of sources of `type_`; Invalid for one that this version does not have."""
    found = CONFIGS.get(type_)
    if found is None:
        known = ", ".join(sorted(CONFIGS))
        reason = "is not in this version" if type_ in LATER else "is not a type of source"
        raise Invalid(f"{type_[:40]!r} {reason}. Nothing was changed.", hint=f"Types of this version: {known}.")
    return found


def parse_config(type_: str, values: Mapping[str, Any]) -> SourceConfig:
    """`values` as the configuration of `type_`. Raises Invalid that names each wrong field, never its value."""
    model = config_class(type_)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_input=False, include_url=False, include_context=False):
            where = ".".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{where}: {message}" if where else message)
        raise Invalid(
            f"The configuration of the {type_} source is not valid: {'; '.join(problems)}. Nothing was changed.",
            hint=f"Known settings: {', '.join(sorted(model.model_fields))}.",
        ) from None
