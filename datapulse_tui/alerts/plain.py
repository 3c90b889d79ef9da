"""The plain form of a rule: the dict that files, differences and the audit trail hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from uuid import UUID

from datapulse_tui.alerts.durations import format_duration
from datapulse_tui.alerts.rules import ErrorPolicy, NoDataPolicy, Severity, ThresholdType
from datapulse_tui.alerts.spec import ChannelSpec, QuerySpec, RuleSpec, default_escalation

if TYPE_CHECKING:
    from datapulse_tui.alerts.reads.rules import RuleDetail

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]

_DEFAULTS = {
    field: info.get_default(call_default_factory=True)
    for field, info in RuleSpec.model_fields.items()
    if not info.is_required()
}
_DURATIONS = frozenset(
    {"for_", "keep_firing_for", "interval", "window", "group_wait", "group_interval", "repeat_interval"}
)


def plain(spec: RuleSpec, query: Value = None) -> dict[str, Value]:
    """The rule as files hold it: fields in one order, durations as text, without what equals its default.

    `query` takes the place of the spec's own (a name for an id). Two rules are the same exactly when their plain forms
    are equal, and `check(plain(spec))` is `spec` again.
    """
    document: dict[str, Value] = {}
    for field, info in RuleSpec.model_fields.items():
        value = getattr(spec, field)
        if field == "query":
            document["query"] = query if query is not None else _plain_query(spec.query)
        elif field == "escalate_after":
            if value != default_escalation(spec.severity):
                document[field] = "off" if value is None else format_duration(value)
        elif field not in _DEFAULTS or value != _DEFAULTS[field]:
            document[info.alias or field] = format_duration(value) if field in _DURATIONS else _plain_value(value)
    return document


def plain_detail(detail: RuleDetail, *, owner: bool = False) -> dict[str, Value]:
    """The plain form of a rule as it was read, with its query by name; `owner` puts whose it is behind the name."""
    document = plain(detail.spec, plain_query(detail))
    if owner:
        return {"name": document.pop("name"), "owner": detail.row.owner.email, **document}
    return document


def plain_query(detail: RuleDetail, *, inline: bool = False) -> Value:
    """A rule's query by name, with whose it is where that is somebody else; `inline` with its SQL where it is not."""
    if detail.query_owner != detail.row.owner.email:
        return {"name": detail.row.query, "owner": detail.query_owner}
    if inline:
        return {"name": detail.row.query, "source": detail.row.source, "sql": detail.query_sql}
    return detail.row.query


def plain_number(value: float) -> int | float:
    """A whole number without its decimal point."""
    return int(value) if value.is_integer() else value


def _plain_query(query: UUID | str | QuerySpec) -> Value:
    if isinstance(query, QuerySpec):
        return cast("Value", query.model_dump(exclude_none=True))
    return str(query)


def _plain_value(value: object) -> Value:
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, ChannelSpec):
        return cast("Value", value.model_dump(exclude_defaults=True))
    if isinstance(value, list):
        return [_plain_value(each) for each in value]
    return cast(
        "Value", value.value if isinstance(value, ThresholdType | NoDataPolicy | ErrorPolicy | Severity) else value
    )
