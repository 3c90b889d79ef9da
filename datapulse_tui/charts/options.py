"""What a widget of each type can be told: the `config:` of dashboards as code, validated.

Each model forbids fields it does not know and converts nothing silently, so a slip is told, not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from datapulse_tui.charts.cells import clean
from datapulse_tui.charts.numbers import NumberFormat, NumberStyle
from datapulse_tui.charts.theme import Severity
from datapulse_tui.errors import Invalid


def _as_tuple(value: object) -> object:
    """One name is a list of one; a list is the tuple that the frozen models keep."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


_NAMES_SCHEMA: dict[str, object] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    ]
}
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[
    tuple[Name, ...], BeforeValidator(_as_tuple), Field(min_length=1), WithJsonSchema(_NAMES_SCHEMA, mode="validation")
]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Model(BaseModel):
    # Validators are built when a type is first drawn: nine models at import would cost 35 ms.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Threshold(_Model):
    """A value that means something."""

    value: Finite = Field(description="The value at which it begins.")
    label: str = Field(default="", description="What to call it on the chart.")
    severity: Severity = Field(default="warning", description="critical, warning, good or info.")


Thresholds = Annotated[tuple[Threshold, ...], BeforeValidator(_as_tuple)]


class _Numbers(_Model):
    """How numbers are written."""

    format: NumberStyle = Field(
        default="auto",
        description="auto; plain (all digits); compact (1.2k); percent (a share: 0.12 is 12%); bytes (in 1,024s); "
        "bytes_si (in 1,000s); seconds or milliseconds (a duration: 1h 05m).",
    )
    unit: str = Field(default="", max_length=24, description="Written behind each number, for example ms, req/s or %.")
    prefix: str = Field(
        default="", max_length=8, description="Written before each number, for example a currency sign."
    )
    decimals: int | None = Field(
        default=None, ge=0, le=12, description="Decimal places; chosen by the values when absent."
    )

    @property
    def number_format(self) -> NumberFormat:
        """The fields above as the formatter takes them; units are text from outside, so they are cleaned."""
        return NumberFormat(self.format, clean(self.unit), clean(self.prefix), self.decimals)


class _Plotted(_Numbers):
    """A chart with an x and a y axis."""

    x: Name | None = Field(default=None, description="Column along the axis; else the first time, date or text column.")
    y: Names | None = Field(default=None, description="Number column or columns to draw; else every number column.")
    series: Name | None = Field(
        default=None,
        description="Column whose values make the series; else the second text column when there is one y.",
    )
    legend: Literal["auto", "top", "bottom", "right", "none"] = Field(
        default="auto",
        description="Where the names of the series stand; auto shows them on top when there are several.",
    )
    thresholds: Thresholds = Field(default=(), description="Lines across the chart: value, label, severity.")
    min: Finite | None = Field(
        default=None, description="Lower end of the value axis; chosen by the values when absent."
    )
    max: Finite | None = Field(
        default=None, description="Upper end of the value axis; chosen by the values when absent."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError("min must be below max")
        return self


class LineOptions(_Plotted):
    """line_chart: values over time, over a number, or over categories in the order of the query."""

    style: Literal["line", "step", "points"] = Field(
        default="line", description="line joins the points, step holds each value until the next, points is a scatter."
    )
    max_series: int = Field(
        default=8, ge=1, le=10, description="At most this many series; those with the highest peaks stay."
    )


class AreaOptions(_Plotted):
    """area_chart: like a line, filled down to zero."""

    stacked: bool = Field(
        default=True, description="Several series stand on each other; false draws them one behind the other."
    )
    max_series: int = Field(
        default=8, ge=1, le=10, description="At most this many series; those with the highest peaks stay."
    )


class BarOptions(_Plotted):
    """bar_chart: one bar, or one group or stack of bars, for each value of x."""

    orientation: Literal["auto", "horizontal", "vertical"] = Field(
        default="auto", description="auto draws times standing and names lying."
    )
    mode: Literal["grouped", "stacked"] = Field(
        default="grouped", description="How several series share a place on the axis."
    )
    sort: Literal["query", "value_desc", "value_asc", "label"] = Field(
        default="query", description="Order of the bars: as the query gave them, by value, or by name."
    )
    limit: int | None = Field(
        default=None, ge=1, le=1000, description="At most this many bars, the first in the order above."
    )
    values: bool = Field(default=True, description="Write the value at the end of each bar where there is room.")
    max_series: int = Field(
        default=8, ge=1, le=10, description="At most this many series; those with the highest peaks stay."
    )


class PieOptions(_Numbers):
    """pie_chart: shares of a whole, as a ring or a pie."""

    label: Name | None = Field(default=None, description="Column with the names; else the first text column.")
    value: Name | None = Field(default=None, description="Column with the sizes; else the first number column.")
    shape: Literal["ring", "pie"] = Field(default="ring", description="A ring has the total in its middle.")
    sort: Literal["query", "value_desc"] = Field(
        default="value_desc", description="Order of the slices, clockwise from the top."
    )
    limit: int = Field(
        default=7, ge=2, le=10, description="At most this many slices; the smallest are gathered as Other."
    )
    legend: Literal["auto", "right", "bottom", "none"] = Field(
        default="auto", description="Where names and shares stand; auto takes the side that leaves the larger ring."
    )


class TableColumn(_Numbers):
    """One column of a table."""

    name: Name = Field(description="The column of the result.")
    label: str | None = Field(default=None, description="Heading; the name when absent.")
    align: Literal["auto", "left", "right", "center"] = Field(
        default="auto", description="auto sets numbers right, the rest left."
    )
    width: int | None = Field(default=None, ge=1, le=200, description="Cells; chosen by the values when absent.")
    time: Literal["minute", "second", "date", "relative"] = Field(
        default="minute",
        description="How times are written: 2025-11-03 14:05, with seconds, the day alone, or 5 min ago.",
    )
    thresholds: Thresholds = Field(default=(), description="Numbers at or above a threshold take its colour and mark.")


def _as_columns(value: object) -> object:
    """A column may be given by its name alone."""
    if isinstance(value, list | tuple):
        return tuple({"name": each} if isinstance(each, str) else each for each in value)
    return value


class TableOptions(_Model):
    """table: the rows themselves."""

    columns: Annotated[tuple[TableColumn, ...], BeforeValidator(_as_columns)] = Field(
        default=(),
        description="Columns to show, in order, each a name or name, label, align, width, format ...; else all.",
    )
    sort: Name | None = Field(default=None, description="Column to order by; the order of the query when absent.")
    descending: bool = Field(default=False, description="Largest first, when sort is given.")
    limit: int | None = Field(default=None, ge=1, le=100_000, description="At most this many rows.")
    header: bool = Field(default=True, description="Show the headings.")


class MetricOptions(_Numbers):
    """metric_card: one number, large, with its change and its recent course."""

    value: Name | None = Field(
        default=None, description="Column with the number; else the first number column. The last row counts."
    )
    time: Name | None = Field(default=None, description="Column to order the rows by; else the first time column.")
    compare: str = Field(
        default="previous",
        min_length=1,
        description="What to compare with: a column of the same row, `previous` (the row before) or `none`.",
    )
    compare_label: str = Field(
        default="", max_length=60, description="Words behind the change, for example vs last week."
    )
    sparkline: bool = Field(default=True, description="Draw the course of the rows where there are several.")
    good: Literal["up", "down", "neutral"] = Field(
        default="neutral", description="Which direction is good news; it colours the change."
    )
    label: str = Field(default="", max_length=80, description="A line under the number.")
    thresholds: Thresholds = Field(
        default=(), description="The number takes the colour of the highest threshold that it has reached."
    )


class TextOptions(_Model):
    """text: Markdown."""

    markdown: str = Field(
        default="", max_length=100_000, description="The text. Headings, lists, tables, emphasis, code, links."
    )
    align: Literal["left", "center"] = Field(default="left", description="Where paragraphs and headings stand.")


class ImageOptions(_Model):
    """image: a PNG, JPEG, GIF or WebP file in half-blocks, two pixels a cell."""

    source: str | None = Field(
        default=None, min_length=1, max_length=2048, description="File or address to fetch it from."
    )
    fit: Literal["contain", "cover", "stretch"] = Field(
        default="contain",
        description="contain shows all of it, cover fills the box and cuts, stretch fills it and distorts.",
    )
    alt: str = Field(default="", max_length=500, description="Said in its place where it cannot be drawn.")


ChartOptions = (
    LineOptions | AreaOptions | BarOptions | PieOptions | TableOptions | MetricOptions | TextOptions | ImageOptions
)
OPTIONS: dict[str, type[ChartOptions]] = {
    "line_chart": LineOptions,
    "area_chart": AreaOptions,
    "bar_chart": BarOptions,
    "pie_chart": PieOptions,
    "table": TableOptions,
    "metric_card": MetricOptions,
    "text": TextOptions,
    "image": ImageOptions,
}


@dataclass(frozen=True, slots=True)
class OptionProblem:
    """One thing that is wrong: where (keys and list positions from the top of the options) and what was expected."""

    path: tuple[str | int, ...]
    message: str

    def __str__(self) -> str:
        where = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in self.path).lstrip(".")
        return f"{where}: {self.message}" if where else self.message


_PLAIN_MESSAGES = {
    "missing": "is missing",
    "tuple_type": "expected a list",
    "too_short": "expected at least one",
    "string_too_short": "expected some text",
    "string_type": "expected text",
    "float_type": "expected a number",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
    "finite_number": "expected a finite number",
}


class InvalidOptions(Invalid):
    """Options that the widget type does not take. `problems` names each place. Nothing was drawn or changed."""

    def __init__(self, type: str, problems: tuple[OptionProblem, ...]) -> None:
        super().__init__(f"The options of this {type} are not valid. " + "; ".join(map(str, problems)) + ".")
        self.problems = problems


def parse_options(type: str, options: Mapping[str, object] | None) -> ChartOptions:
    """The options of a widget of `type`, validated; InvalidOptions tells every problem at once."""
    model = OPTIONS.get(type)
    if model is None:
        known = ", ".join(OPTIONS)
        raise InvalidOptions(type, (OptionProblem((), f"{type} is no type of widget; there are {known}"),))
    try:
        return model.model_validate(dict(options or {}))
    except ValidationError as error:
        raise InvalidOptions(type, _problems(model, error)) from None


def _problems(model: type[ChartOptions], error: ValidationError) -> tuple[OptionProblem, ...]:
    problems = []
    for each in error.errors(include_url=False, include_input=False):
        message = each["msg"].removeprefix("Value error, ")
        path = tuple(part for part in each["loc"] if not (isinstance(part, str) and part.startswith("function-")))
        message = _PLAIN_MESSAGES.get(each["type"], message)
        if each["type"] == "extra_forbidden":
            message = "is not known"
            if len(path) == 1:
                message += "; there are " + ", ".join(model.model_fields)
        problems.append(OptionProblem(path, message[:1].lower() + message[1:]))
    return tuple(problems)
