"""What a rule may say: one pydantic model for the editor, for files and for the store, strict about all it takes.

Durations are whole seconds in here and text (`5m`) in files and on screens. `schemas.check` makes one of plain data and
tells every slip.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from datapulse_tui.alerts.durations import parse_duration
from datapulse_tui.alerts.rules import ErrorPolicy, NoDataPolicy, Severity, ThresholdType

DAY = 86_400
LARGEST_NUMBER = 2**53  # beyond it a float no longer tells one whole number from the next
CRITICAL_ESCALATES_AFTER = 900
SQL_LIMIT = 100_000
MESSAGE_LIMIT = 2_000

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _seconds_or_off(value: object) -> object:
    return None if value == "off" else _seconds(value)


def _line(value: str) -> str:
    if _BREAKS.search(value) or value != value.strip():
        raise ValueError("is not one line")
    return value


def _text(value: str | None) -> str | None:
    if value is not None and _CONTROL.search(value):
        raise ValueError("has control characters in it")
    return (value.strip() or None) if value is not None else None


def _number(value: float | None) -> float | None:
    return None if value is None else float(value) + 0.0  # no minus zero, which reads back as zero


Seconds = Annotated[int, BeforeValidator(_seconds)]
Line = Annotated[str, Field(min_length=1, max_length=255)]
Number = Annotated[float, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, allow_inf_nan=False)]
Word = Field(strict=False)  # an enumeration, from its text


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True, hide_input_in_errors=True
    )


class QuerySpec(_Model):
    """A query that is no id: SQL on a source, kept as a saved query of the rule's owner (`name`; none: the rule's), or
    the saved query `name` of the person with the address `owner`."""

    name: Line | None = None
    owner: Line | None = None
    source: Line | None = None
    sql: Annotated[str, Field(min_length=1, max_length=SQL_LIMIT)] | None = None

    _one_line = field_validator("name", "owner", "source")(lambda value: _line(value) if value is not None else None)
    _trim = field_validator("sql")(_text)


class ChannelSpec(_Model):
    """One way in which people are told. `channel` is a channel's name or id, none for the default of its type. `to`:
    `owner`, a person's address, `role:NAME`, `department:NAME`, `address:ADDRESS`; none for slack and webhook."""

    type: Literal["email", "slack", "sms", "webhook"]
    channel: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    to: list[Annotated[str, Field(min_length=1, max_length=340)]] = Field(default_factory=list, max_length=100)

    _one_line = field_validator("channel")(lambda value: _line(value) if value is not None else None)

    @field_validator("to")
    @classmethod
    def _lines(cls, value: list[str]) -> list[str]:
        return [_line(each) for each in value]


class RuleSpec(_Model):
    """A whole rule. Durations are in seconds; a text such as `5m` is taken for them. `query` is the id or the name of a
    saved query, or a QuerySpec. Without `escalate_after` a critical rule escalates after 15 minutes and others do not.
    """

    name: Line
    description: Annotated[str, Field(max_length=10_000)] | None = None
    query: UUID | Line | QuerySpec
    metric: Annotated[str, Field(min_length=1, max_length=100)]
    label_columns: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=20
    )
    threshold_type: Annotated[ThresholdType, Word]
    threshold: Number
    recovery: Number | None = None
    for_: Annotated[Seconds, Field(ge=0, le=30 * DAY, alias="for")] = 0
    keep_firing_for: Annotated[Seconds, Field(ge=0, le=30 * DAY)] = 0
    interval: Annotated[Seconds, Field(ge=5, le=DAY)] = 60
    window: Annotated[Seconds, Field(ge=60, le=30 * DAY)] = 3_600
    no_data_policy: Annotated[NoDataPolicy, Word] = NoDataPolicy.NO_DATA
    error_policy: Annotated[ErrorPolicy, Word] = ErrorPolicy.ERROR
    severity: Annotated[Severity, Word] = Severity.WARNING
    labels: dict[str, Annotated[str, Field(max_length=255)]] = Field(default_factory=dict, max_length=50)
    runbook_url: Annotated[str, Field(max_length=2_000)] | None = None
    message: Annotated[str, Field(max_length=MESSAGE_LIMIT)] | None = None
    channels: list[ChannelSpec] = Field(default_factory=list, max_length=20)
    frequency: Literal["immediate", "digest"] = "immediate"
    group_wait: Annotated[Seconds, Field(ge=0, le=DAY)] = 30
    group_interval: Annotated[Seconds, Field(ge=0, le=DAY)] = 300
    repeat_interval: Annotated[Seconds, Field(ge=60, le=30 * DAY)] = 14_400
    escalate_after: Annotated[Annotated[int, Field(ge=30, le=7 * DAY)] | None, BeforeValidator(_seconds_or_off)] = None
    escalation_channels: list[ChannelSpec] = Field(default_factory=list, max_length=20)
    active: bool = True

    _one_line = field_validator("name", "metric")(_line)
    _texts = field_validator("description", "message")(_text)
    _numbers = field_validator("threshold", "recovery")(_number)

    @model_validator(mode="before")
    @classmethod
    def _escalate_by_severity(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "escalate_after" not in values:
            return {**values, "escalate_after": default_escalation(str(values.get("severity")))}
        return values

    @field_validator("query")
    @classmethod
    def _query_line(cls, value: UUID | str | QuerySpec) -> UUID | str | QuerySpec:
        return _line(value) if isinstance(value, str) else value

    @field_validator("label_columns")
    @classmethod
    def _columns(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("names a column twice")
        return [_line(each) for each in value]

    @field_validator("labels")
    @classmethod
    def _label_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _LABEL.fullmatch(name):
                raise ValueError("has a name that is no word")
            _line(text)
        return dict(sorted(value.items()))

    @field_validator("runbook_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not value.isascii() or not value.isprintable() or any(each in value for each in ' <>"\\^`{|}'):
            raise ValueError("is no web address")
        address = urlsplit(value)
        if address.scheme not in ("http", "https") or not address.hostname or "@" in address.netloc:
            raise ValueError("is no web address")
        return value


def default_escalation(severity: str) -> int | None:
    """After how many seconds an incident that nobody acknowledged escalates where the rule does not say."""
    return CRITICAL_ESCALATES_AFTER if severity == Severity.CRITICAL else None


def spec_of(row: Any, names: Mapping[str, str]) -> RuleSpec:
    """The rule of a stored row (the columns of `alerts`); `names` turns stored recipients and channels into written
    ones. Not validated again: what is stored must be shown even where it would no longer be taken."""
    return RuleSpec.model_construct(
        name=row.name,
        description=row.description,
        query=row.metric_id,
        metric=row.metric,
        label_columns=list(row.label_columns),
        threshold_type=ThresholdType(row.threshold_type),
        threshold=float(row.threshold_value),
        recovery=None if row.recovery_value is None else float(row.recovery_value),
        for_=row.for_seconds,
        keep_firing_for=row.keep_firing_seconds,
        interval=row.interval_seconds,
        window=row.window_seconds,
        no_data_policy=NoDataPolicy(row.no_data_policy),
        error_policy=ErrorPolicy(row.error_policy),
        severity=Severity(row.severity),
        labels=dict(sorted(row.labels.items())),
        runbook_url=row.runbook_url,
        message=row.message,
        channels=[_channel(each, names) for each in row.channels],
        frequency=row.frequency,
        group_wait=row.group_wait_seconds,
        group_interval=row.group_interval_seconds,
        repeat_interval=row.repeat_interval_seconds,
        escalate_after=row.escalate_after_seconds,
        escalation_channels=[_channel(each, names) for each in row.escalation_channels],
        active=row.is_active,
    )


def _channel(stored: Mapping[str, Any], names: Mapping[str, str]) -> ChannelSpec:
    channel = stored.get("channel")
    return ChannelSpec.model_construct(
        type=stored["type"],
        channel=names.get(f"channel:{channel}", channel) if channel else None,
        to=[names.get(term, term) for term in stored.get("to", ())],
    )
