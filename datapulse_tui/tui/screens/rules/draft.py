"""What stands in the rule editor, and the way between that and a rule: values, plain documents, problems. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from datapulse_tui.alerts.durations import format_duration

if TYPE_CHECKING:
    from datapulse_tui.alerts.spec import ChannelSpec, RuleSpec
    from datapulse_tui.tui.widgets.sheet import Value

NEW_QUERY = "new"  # in the place of a saved query: SQL is written here
DEFAULT_CHANNEL = "default"
THROUGH = "\x1f"  # between the name of a channel and a recipient; in neither of them
TO_PEOPLE = ("email", "sms")
TO_CHANNELS = ("slack", "webhook")
FIRST, SECOND = "channels", "escalation_channels"
DURATIONS = (
    "for", "keep_firing_for", "interval", "window", "group_wait", "group_interval", "repeat_interval", "escalate_after",
)  # fmt: skip
NUMBERS = ("threshold", "recovery")
LABELS_EXPECTED = 'words and texts such as team=payments note="two words"'

DEFAULTS: dict[str, Value] = {
    "name": "", "description": "", "query": "", "query_name": "", "source": "", "sql": "", "metric": "",
    "label_columns": (), "threshold_type": "above", "threshold": "", "recovery": "", "for": "5m",
    "keep_firing_for": "0s", "interval": "1m", "window": "1h", "no_data_policy": "no_data", "error_policy": "error",
    "severity": "warning", "labels": "", "runbook_url": "", "message": "", "frequency": "immediate",
    "email": ("owner",), "sms": (), "slack": (), "webhook": (), "group_wait": "30s", "group_interval": "5m",
    "repeat_interval": "4h", "escalate_after": "", "second_email": (), "second_sms": (),
    "email_through": DEFAULT_CHANNEL, "sms_through": DEFAULT_CHANNEL, "second_email_through": DEFAULT_CHANNEL,
    "second_sms_through": DEFAULT_CHANNEL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody writes: the sheet's values, and the rule (with the version that they saw) that it will replace.

    `alert_id` is empty for a rule that is not there yet.
    """

    values: Mapping[str, Value] = field(default_factory=lambda: dict(DEFAULTS))
    alert_id: str = ""
    version: int = 0
    active: bool = True

    @property
    def key(self) -> str:
        """Under which it is remembered."""
        return f"draft.rule.{self.alert_id or 'new'}"

    def with_values(self, values: Mapping[str, Value]) -> Draft:
        """The same draft with other values."""
        return replace(self, values={**self.values, **values})

    def seen(self, version: int) -> Draft:
        """The same draft, meant for the rule as it is by now."""
        return replace(self, version=version)

    def to_json(self) -> dict[str, Any]:
        """As it is remembered."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in self.values.items()}
        return {"values": values, "alert_id": self.alert_id, "version": self.version, "active": self.active}

    @classmethod
    def from_json(cls, kept: object) -> Draft | None:
        """A draft that was remembered; None for anything else, such as one of an older version of the desk."""
        if not isinstance(kept, Mapping) or not isinstance(kept.get("values"), Mapping):
            return None
        values: dict[str, Value] = dict(DEFAULTS)
        for name, value in kept["values"].items():
            if isinstance(value, list) and isinstance(DEFAULTS.get(name), tuple):
                values[name] = tuple(str(each) for each in value)
            elif isinstance(value, str) and isinstance(DEFAULTS.get(name), str):
                values[name] = value
        return cls(values, str(kept.get("alert_id", "")), int(kept.get("version", 0)), bool(kept.get("active", True)))


# -- from a rule -------------------------------------------------------------------------------------------------------


def draft_of(spec: RuleSpec, alert_id: str, version: int) -> Draft:
    """The draft that says what `spec` says."""
    from datapulse_tui.alerts.spec import default_escalation

    escalate = "off" if spec.escalate_after is None else format_duration(spec.escalate_after)
    if spec.escalate_after == default_escalation(spec.severity):
        escalate = ""
    values: dict[str, Value] = {
        "name": spec.name,
        "description": spec.description or "",
        "query": str(spec.query),
        "metric": spec.metric,
        "label_columns": tuple(spec.label_columns),
        "threshold_type": spec.threshold_type.value,
        "threshold": number_text(spec.threshold),
        "recovery": "" if spec.recovery is None else number_text(spec.recovery),
        "for": format_duration(spec.for_),
        "keep_firing_for": format_duration(spec.keep_firing_for),
        "interval": format_duration(spec.interval),
        "window": format_duration(spec.window),
        "no_data_policy": spec.no_data_policy.value,
        "error_policy": spec.error_policy.value,
        "severity": spec.severity.value,
        "labels": labels_text(spec.labels),
        "runbook_url": spec.runbook_url or "",
        "message": spec.message or "",
        "frequency": spec.frequency,
        "group_wait": format_duration(spec.group_wait),
        "group_interval": format_duration(spec.group_interval),
        "repeat_interval": format_duration(spec.repeat_interval),
        "escalate_after": escalate,
        **{kind: _keys(spec.channels, kind) for kind in (*TO_PEOPLE, *TO_CHANNELS)},
        **{f"second_{kind}": _keys(spec.escalation_channels, kind) for kind in TO_PEOPLE},
        **{through_of(kind): usual_channel(spec.channels, kind) for kind in TO_PEOPLE},
        **{through_of(f"second_{kind}"): usual_channel(spec.escalation_channels, kind) for kind in TO_PEOPLE},
    }
    return Draft({**DEFAULTS, **values}, alert_id, version, spec.active)


def number_text(value: float) -> str:
    """`800`, `0.25`: as a person would type it."""
    return str(int(value)) if value.is_integer() else repr(value)


def _keys(channels: Sequence[ChannelSpec], kind: str) -> tuple[str, ...]:
    usual, keys = usual_channel(channels, kind), list[str]()
    for each in channels:
        if each.type != kind:
            continue
        if kind in TO_CHANNELS:
            keys.append(each.channel or DEFAULT_CHANNEL)
        else:
            another = each.channel if each.channel != usual else None
            keys += [recipient_key(term, another) for term in each.to]
    return tuple(dict.fromkeys(keys))


def through_of(name: str) -> str:
    """The name of the value that says through which channel the people in the value `name` are told."""
    return f"{name}_through"


def usual_channel(channels: Sequence[ChannelSpec], kind: str) -> str:
    """The channel of a type that a rule's people are told through: those of another one name it with each person."""
    used = [each.channel or DEFAULT_CHANNEL for each in channels if each.type == kind]
    return DEFAULT_CHANNEL if DEFAULT_CHANNEL in used or not used else used[0]


def recipient_key(term: str, channel: str | None) -> str:
    """The key of a recipient (as rules write it) who is told through `channel`, or (None) through the usual one."""
    return f"{channel}{THROUGH}{term}" if channel else term


# -- to a rule ---------------------------------------------------------------------------------------------------------


def document_of(draft: Draft) -> dict[str, Any]:
    """The plain document of a draft, for `schemas.check`; what was typed and is not valid stands in it as it is."""
    values = draft.values
    document: dict[str, Any] = {"query": _query(values), "active": draft.active}
    for name in ("name", "metric", "threshold_type", "no_data_policy", "error_policy", "severity", "frequency"):
        document[name] = _text(values, name)
    for name in ("description", "runbook_url", "message"):
        if _text(values, name):
            document[name] = _text(values, name)
    for name in NUMBERS:
        if _text(values, name) or name == "threshold":
            document[name] = _number(_text(values, name))
    for name in DURATIONS:
        if _text(values, name):
            document[name] = _text(values, name)
    document["label_columns"] = list(values["label_columns"])
    document["labels"] = _labels(_text(values, "labels"))
    document[FIRST] = [channel for kind in (*TO_PEOPLE, *TO_CHANNELS) for channel in _channels(kind, kind, values)]
    document[SECOND] = [channel for kind in TO_PEOPLE for channel in _channels(kind, f"second_{kind}", values)]
    return document


def _text(values: Mapping[str, Value], name: str) -> str:
    value = values[name]
    return value.strip() if isinstance(value, str) else ""


def _number(text: str) -> float | int | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _labels(text: str) -> dict[str, str] | str:
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    pairs = [word.partition("=") for word in words]
    return text if any(not equals for _, equals, _ in pairs) else {name: value for name, _, value in pairs}


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels as `_labels` reads them: a text of several words stands in quotes."""
    return " ".join(f"{name}={_quoted(value)}" for name, value in labels.items())


def _quoted(value: str) -> str:
    if value and not any(each in " \"'\\" for each in value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _query(values: Mapping[str, Value]) -> object:
    if values["query"] != NEW_QUERY:
        return _saved(str(values["query"]))
    query = {"source": _text(values, "source"), "sql": _text(values, "sql")}
    if _text(values, "query_name"):
        query["name"] = _text(values, "query_name")
    return query


def _saved(key: str) -> object:
    from uuid import UUID

    try:
        return UUID(key)
    except ValueError:
        return key


def _channels(kind: str, name: str, values: Mapping[str, Value]) -> list[dict[str, Any]]:
    keys = values[name]
    if kind in TO_CHANNELS:
        return [{"type": kind} if key == DEFAULT_CHANNEL else {"type": kind, "channel": key} for key in keys]
    usual = str(values[through_of(name)])
    grouped: dict[str, dict[str, None]] = {}
    for key in keys:
        channel, _, term = key.rpartition(THROUGH)
        grouped.setdefault(channel or usual, {})[term] = None
    return [
        {"type": kind, "to": list(terms)} | ({} if channel == DEFAULT_CHANNEL else {"channel": channel})
        for channel, terms in grouped.items()
    ]


# -- what is wrong -----------------------------------------------------------------------------------------------------


def problems_by_field(problems: Iterable[Any], document: Mapping[str, Any]) -> dict[str, str]:
    """What `schemas.check` found (path and message), by the name of the sheet's control at which to say it."""
    said: dict[str, str] = {}
    for problem in problems:
        name, message = _field(problem.path, document), problem.message
        if name == "labels":
            message = f"expected {LABELS_EXPECTED}"
        said.setdefault(name, message[:1].upper() + message[1:] + ("" if message.endswith(".") else "."))
    return said


def _field(path: Sequence[str | int], document: Mapping[str, Any]) -> str:
    first = str(path[0]) if path else "name"
    if first == "query" and len(path) > 1:
        return {"source": "source", "sql": "sql", "name": "query_name"}.get(str(path[1]), "query")
    if first in (FIRST, SECOND):
        entries = document.get(first, [])
        at = path[1] if len(path) > 1 and isinstance(path[1], int) else 0
        kind = entries[at]["type"] if at < len(entries) else "email"
        name = kind if first == FIRST else f"second_{kind}"
        of_channel = len(path) > 2 and path[2] == "channel" and kind in TO_PEOPLE
        return through_of(name) if of_channel else name
    return first if first in DEFAULTS else "name"
