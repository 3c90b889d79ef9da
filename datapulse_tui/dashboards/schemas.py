"""What a dashboard as code may say: pydantic models that convert nothing silently and forbid what they do not know.

Use `checking.check` to validate; it tells every slip as where, what was found and what was expected.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from datapulse_tui.dashboards import rules
from datapulse_tui.dashboards.plain import Document, plain_document, plain_widget
from datapulse_tui.dashboards.rules import Position
from datapulse_tui.dashboards.timerange import TimeRange
from datapulse_tui.dashboards.variables import NAME, RESERVED

WidgetType = Literal["line_chart", "bar_chart", "pie_chart", "area_chart", "table", "metric_card", "text", "image"]
QUERY_LIMIT = 100_000
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _line(value: str) -> str:
    if _BREAKS.search(value) or value != value.strip():
        raise ValueError("is not one line")
    return value


def _sql(value: str | None) -> str | None:
    return (value.strip() or None) if value is not None else None


class PositionDoc(_Model):
    """A widget's place on the 12-column grid."""

    x: int = Field(ge=0, le=rules.GRID_COLUMNS - 1)
    y: int = Field(ge=0, le=rules.MAX_ROWS - 1)
    w: int = Field(ge=1, le=rules.GRID_COLUMNS)
    h: int = Field(ge=1, le=rules.MAX_HEIGHT)

    @property
    def place(self) -> Position:
        """The same for `rules`."""
        return Position(self.y, self.x, self.w, self.h)


class OptionsQuery(_Model):
    """Where the options of a choice come from: the first column of a query."""

    source: str = Field(min_length=1, max_length=255)
    query: str = Field(min_length=1, max_length=QUERY_LIMIT)

    _strip = field_validator("query")(lambda value: value.strip())


class VariableDoc(_Model):
    """A variable that readers set; it reaches SQL as the bound parameter `:name`."""

    name: str
    type: Literal["text", "number", "choice"]
    label: str | None = Field(None, max_length=80)
    options: list[str | int | float] | OptionsQuery | None = None
    default: str | int | float | None = None

    _one_line = field_validator("label")(lambda value: value and _line(value))

    @field_validator("name")
    @classmethod
    def _word(cls, value: str) -> str:
        if not NAME.fullmatch(value) or value in RESERVED:
            raise ValueError("is no name of a variable")
        return value

    def plain(self) -> Document:
        """The variable's plain form; it is stored like this as well."""
        values = self.model_dump(mode="json", exclude_none=True)
        return {field: values[field] for field in type(self).model_fields if field in values and values[field] != ""}


class WidgetDoc(_Model):
    """One widget. Text and image have no source; all others have a source and a query."""

    title: str = Field(min_length=1, max_length=200)
    type: WidgetType
    source: str | None = Field(None, min_length=1, max_length=255)
    query: str | None = Field(None, max_length=QUERY_LIMIT)
    config: dict[str, JsonValue] = Field(default_factory=dict)
    position: PositionDoc

    _one_line = field_validator("title")(_line)
    _trim = field_validator("query")(_sql)


class ShareDoc(_Model):
    """A person that the dashboard is shared with."""

    email: str = Field(max_length=255)
    permission: Literal["view", "edit"] = "view"

    @field_validator("email")
    @classmethod
    def _address(cls, value: str) -> str:
        if not _EMAIL.fullmatch(value):
            raise ValueError("is no address")
        return value.lower()


class DashboardDoc(_Model):
    """A whole dashboard as code. `shares` is None where the file does not speak of them: they stay as they are."""

    name: str = Field(min_length=1, max_length=255)
    description: str | None = Field(None, max_length=10_000)
    public: bool = False
    refresh: str | int | None = None
    time_range: str | dict[str, str] | None = None
    variables: list[VariableDoc] = Field(default_factory=list, max_length=20)
    widgets: list[WidgetDoc] = Field(default_factory=list, max_length=rules.MAX_WIDGETS)
    shares: list[ShareDoc] | None = Field(None, max_length=500)

    _one_line = field_validator("name")(_line)

    @field_validator("refresh")
    @classmethod
    def _duration(cls, value: str | int | None) -> str | int | None:
        if value is not None:
            rules.parse_refresh(f"{value}s" if isinstance(value, int) else value)
        return value

    @field_validator("time_range")
    @classmethod
    def _range(cls, value: str | dict[str, str] | None) -> str | dict[str, str] | None:
        if value is not None:
            TimeRange.parse(value)
        return value

    @cached_property
    def refresh_seconds(self) -> int | None:
        """Seconds between refreshes; None means only when asked."""
        if self.refresh is None:
            return None
        return rules.parse_refresh(f"{self.refresh}s" if isinstance(self.refresh, int) else self.refresh)

    @cached_property
    def range(self) -> TimeRange | None:
        """The time range that the dashboard opens with."""
        return TimeRange.parse(self.time_range) if self.time_range is not None else None

    def plain(self) -> Document:
        """The plain form. Widgets stand in reading order, shares by address (left out where there are none)."""
        widgets = sorted(self.widgets, key=lambda widget: widget.position.place)
        return plain_document(
            name=self.name,
            description=self.description,
            public=self.public,
            refresh_seconds=self.refresh_seconds,
            time_range=self.range,
            variables=[variable.plain() for variable in self.variables],
            widgets=[
                plain_widget(each.title, each.type, each.source, each.query, each.config, each.position.place)
                for each in widgets
            ],
            shares=[(share.email, share.permission) for share in self.shares or ()],
        )
