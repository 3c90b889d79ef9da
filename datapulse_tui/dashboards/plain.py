"""The plain form of a dashboard: the dict that YAML files hold, with defaults left out and fields in one order.

Two dashboards are the same exactly when their plain forms are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from datapulse_tui.charts.options import OPTIONS
from datapulse_tui.dashboards.rules import Position, format_refresh
from datapulse_tui.dashboards.timerange import DEFAULT_RANGE, TimeRange

if TYPE_CHECKING:
    from datapulse_tui.dashboards.reads import DashboardView

Document = dict[str, JsonValue]


def plain_document(
    *,
    name: str,
    description: str | None,
    public: bool,
    refresh_seconds: int | None,
    time_range: TimeRange | None,
    variables: Sequence[Mapping[str, JsonValue]],
    widgets: Sequence[Document],
    shares: Sequence[tuple[str, str]],
) -> Document:
    """The plain form of a dashboard from its parts; what equals its default is left out."""
    document: Document = {"name": name}
    if description:
        document["description"] = description
    if public:
        document["public"] = True
    if refresh_seconds is not None:
        document["refresh"] = format_refresh(refresh_seconds)
    if time_range is not None and time_range != DEFAULT_RANGE:
        document["time_range"] = cast("JsonValue", time_range.to_value())
    if variables:
        document["variables"] = [dict(variable) for variable in variables]
    document["widgets"] = list(widgets)
    if shares:
        document["shares"] = [{"email": email, "permission": permission} for email, permission in sorted(shares)]
    return document


def plain_view(view: DashboardView) -> Document:
    """The plain form of a dashboard as it was read."""
    return plain_document(
        name=view.name,
        description=view.description,
        public=view.is_public,
        refresh_seconds=view.refresh_seconds,
        time_range=view.time_range,
        variables=[cast("Document", variable.to_json()) for variable in view.variables],
        widgets=[
            plain_widget(
                each.title, each.type, each.source_name or None, each.query or None, each.options, each.position
            )
            for each in view.widgets
        ],
        shares=[(share.email, share.permission) for share in view.shares],
    )


def plain_widget(
    title: str, type: str, source: str | None, query: str | None, config: Mapping[str, JsonValue], place: Position
) -> Document:
    """A widget's plain form; the options in the order in which their model has them."""
    widget: Document = {"title": title, "type": type}
    if source is not None:
        widget["source"] = source
    if query is not None:
        widget["query"] = query
    if config:
        fields = list(OPTIONS[type].model_fields) if type in OPTIONS else []
        keys = sorted(config, key=lambda key: (fields.index(key) if key in fields else len(fields), key))
        widget["config"] = {key: _ordered(config[key]) for key in keys}
    widget["position"] = {"x": place.x, "y": place.y, "w": place.w, "h": place.h}
    return widget


def _ordered(value: JsonValue) -> JsonValue:
    """Nested options in a fixed order: the store keeps none."""
    if isinstance(value, dict):
        first = ("name", "value", "label")
        keys = sorted(value, key=lambda key: (first.index(key) if key in first else len(first), key))
        return {key: _ordered(value[key]) for key in keys}
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    return value
