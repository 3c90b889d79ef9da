"""What the JSONB columns may hold. Each domain validates its own meaning further; this is what the store insists on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Permission = Annotated[str, Field(pattern=r"^[a-z_]+:[a-z_]+$", max_length=100)]
Permissions = Annotated[list[Permission], Field(max_length=500)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=255)]
Recipients = list[Email]
Document = dict[str, JsonValue]
Documents = list[Document]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=20)]
Labels = Annotated[dict[Annotated[str, Field(min_length=1, max_length=100)], str], Field(max_length=50)]


class Position(BaseModel):
    """A widget's place on the 12-column grid: `x` + `w` <= 12, rows counted from 0."""

    model_config = ConfigDict(extra="forbid")

    x: int = Field(0, ge=0, le=11)
    y: int = Field(0, ge=0, le=999)
    w: int = Field(6, ge=1, le=12)
    h: int = Field(4, ge=1, le=50)


class Channel(BaseModel):
    """One way in which an alert's recipients are told: through the channel of that id (none: the default of the type).

    `to` are recipients: `owner`, `person:UUID`, `role:NAME`, `department:UUID`, `address:ADDRESS`. Slack and webhook
    channels are recipients themselves and need none.
    """

    model_config = ConfigDict(extra="allow")

    type: Literal["email", "slack", "sms", "webhook"]
    channel: Annotated[str, Field(max_length=100)] | None = None
    to: Annotated[list[Annotated[str, Field(max_length=340)]], Field(max_length=100)] = Field(default_factory=list)


Channels = list[Channel]


class Schedule(BaseModel):
    """When a report is sent."""

    model_config = ConfigDict(extra="forbid")

    frequency: Literal["daily", "weekly", "monthly"] | None = None
    time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    days: list[Annotated[int, Field(ge=1, le=31)]] = Field(default_factory=list)
    time_zone: str | None = None


class Layout(BaseModel):
    """A dashboard's settings beside its widgets: refresh, time range and variables."""

    model_config = ConfigDict(extra="forbid")

    refresh_seconds: Annotated[int, Field(ge=5, le=86_400)] | None = None
    time_range: dict[str, Any] | None = None
    variables: list[dict[str, Any]] = Field(default_factory=list)
