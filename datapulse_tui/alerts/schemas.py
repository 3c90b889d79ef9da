"""Checking a rule: plain data in, a RuleSpec out, every slip told as field, what was found and what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from datapulse_tui.alerts.plain import plain, plain_number
from datapulse_tui.alerts.rules import ErrorPolicy, NoDataPolicy, Severity, ThresholdType
from datapulse_tui.alerts.spec import MESSAGE_LIMIT, SQL_LIMIT, ChannelSpec, QuerySpec, RuleSpec, spec_of
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.dashboards.checking import Problem

__all__ = [
    "FIELDS", "ChannelSpec", "InvalidRule", "QuerySpec", "RuleSpec", "check", "plain", "require_sound", "spec_of",
]  # fmt: skip

TO_CHANNELS = frozenset({"slack", "webhook"})  # are recipients themselves

_CHANNELS = {
    "": "a list of channels (at most 20)",
    ".": "a mapping with type and to",
    ".type": "email, slack, sms or webhook",
    ".channel": "the name of a channel",
    ".to": "a list of recipients (at most 100)",
    ".to.": "owner, a person's address, role:NAME, department:NAME or address:ADDRESS",
}
_EXPECTED = {
    "": "a mapping with name, query, metric, threshold_type and threshold",
    "name": "one line of 1 to 255 characters",
    "description": "a text of at most 10,000 characters",
    "query": "the name of a saved query, or a mapping with source and sql",
    "query.name": "one line of 1 to 255 characters",
    "query.owner": "the address of the person who saved the query",
    "query.source": "the name of a source",
    "query.sql": f"a SELECT of at most {SQL_LIMIT:,} characters",
    "metric": "the name of a column of the query that holds numbers",
    "label_columns": "a list of different columns of the query (at most 20)",
    "label_columns.": "the name of a column of the query",
    "threshold_type": "above, below or change_percent",
    "threshold": "a number between -2^53 and 2^53",
    "recovery": "a number between -2^53 and 2^53",
    "for": "a duration from 0s to 30d such as 90s, 5m or 1h30m",
    "keep_firing_for": "a duration from 0s to 30d such as 90s, 5m or 1h30m",
    "interval": "a duration from 5s to 1d such as 60s or 5m",
    "window": "a duration from 1m to 30d such as 1h or 1d",
    "no_data_policy": "one of " + ", ".join(NoDataPolicy),
    "error_policy": "one of " + ", ".join(ErrorPolicy),
    "severity": "one of " + ", ".join(Severity),
    "labels": "a mapping of at most 50 words (a-z, 0-9, _ . -) to texts of one line",
    "labels.": "a text of one line, at most 255 characters (numbers in quotes)",
    "runbook_url": "an address that begins with http:// or https://, without a password",
    "message": f"a template of at most {MESSAGE_LIMIT:,} characters",
    "frequency": "immediate or digest",
    "group_wait": "a duration from 0s to 1d such as 30s",
    "group_interval": "a duration from 0s to 1d such as 5m",
    "repeat_interval": "a duration from 1m to 30d such as 4h",
    "escalate_after": "off, or a duration from 30s to 7d such as 15m",
    "active": "true or false",
    **{f"channels{part}": text for part, text in _CHANNELS.items()},
    **{f"escalation_channels{part}": text for part, text in _CHANNELS.items()},
}
FIELDS = tuple(info.alias or name for name, info in RuleSpec.model_fields.items())
_FIELDS_AT = {
    "": FIELDS,
    "query": tuple(QuerySpec.model_fields),
    "channels.": tuple(ChannelSpec.model_fields),
    "escalation_channels.": tuple(ChannelSpec.model_fields),
}


class InvalidRule(Invalid):
    """A rule that is not valid. Nothing was changed. `problems` holds every slip, each with the path of its field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)), hint="Mend it and save again. Nothing was changed.")
        self.problems = tuple(problems)


def check(value: object) -> RuleSpec:
    """The rule that `value` (plain data) describes. Raises InvalidRule with every slip."""
    from datapulse_tui.dashboards.checking import Problem, found

    if not isinstance(value, dict):
        raise InvalidRule([Problem((), f"found {found(value)}, expected {_EXPECTED['']}")])
    try:
        spec = RuleSpec.model_validate(value)
    except ValidationError as error:
        raise InvalidRule(_model_problems(value, error)) from None
    require_sound(spec)
    return spec


def require_sound(spec: RuleSpec) -> None:
    """Raise InvalidRule unless the fields of `spec` fit each other."""
    problems = [*_query_problems(spec), *_threshold_problems(spec), *_channel_problems(spec), *_message_problems(spec)]
    if problems:
        raise InvalidRule(problems)


def _model_problems(value: dict[str, object], error: ValidationError) -> list[Problem]:
    from datapulse_tui.dashboards.checking import Problem, at, found

    problems: dict[tuple[str | int, ...], Problem] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        path = _real_path(value, each["loc"])
        expected = _EXPECTED.get(_dotted(path)) or _EXPECTED.get(_dotted(path[:-1]) + ".") or "something else"
        if each["type"] == "extra_forbidden":
            message = _unknown(path)
        elif each["type"] == "missing":
            message = f"is missing, expected {expected}"
        else:
            message = f"found {found(at(value, path))}, expected {expected}"
        problems.setdefault(path, Problem(path, message))
    return [
        problem
        for path, problem in problems.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in problems)
    ]


def _real_path(value: object, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """`loc` without the names that pydantic adds for the branches of a union, and with names as they are written."""
    from datapulse_tui.dashboards.checking import at

    path: list[str | int] = []
    for index, part in enumerate(loc):
        here = at(value, tuple(path))
        name = part if isinstance(part, int) else part.removesuffix("_")
        if isinstance(name, int):
            real = isinstance(here, list)
        else:
            known = name in _FIELDS_AT.get(_dotted(tuple(path)), ())
            real = isinstance(here, dict) and (name in here or (index == len(loc) - 1 and known))
        if real:
            path.append(name)
    return tuple(path)


def _dotted(path: Sequence[str | int]) -> str:
    return "".join("." if isinstance(part, int) else f".{part}" for part in path).lstrip(".").replace("..", ".")


def _unknown(path: tuple[str | int, ...]) -> str:
    import difflib

    names = _FIELDS_AT.get(_dotted(path[:-1]), ())
    near = difflib.get_close_matches(str(path[-1]), names, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"found an unknown field, expected one of {', '.join(names)}{meant}"


def _query_problems(spec: RuleSpec) -> list[Problem]:
    from datapulse_tui.dashboards.checking import Problem

    query, problems = spec.query, []
    if isinstance(query, QuerySpec):
        inline = query.sql is not None or query.source is not None
        problems += [
            Problem(("query", field), f"is missing, expected {_EXPECTED[f'query.{field}']}")
            for field in (("source", "sql") if inline else ("name",))
            if getattr(query, field) is None
        ]
        if inline and query.owner is not None:
            message = "found an owner beside sql, expected none: the query is saved for the rule's owner"
            problems.append(Problem(("query", "owner"), message))
    if spec.metric in spec.label_columns:
        place = spec.label_columns.index(spec.metric)
        problems.append(Problem(("label_columns", place), "found the metric, expected another column"))
    return problems


def _threshold_problems(spec: RuleSpec) -> list[Problem]:
    """The recovery threshold is on the side of the threshold where all is well."""
    from datapulse_tui.dashboards.checking import Problem, found

    rising = spec.threshold_type is ThresholdType.ABOVE
    if spec.threshold_type is ThresholdType.CHANGE_PERCENT:
        if spec.threshold == 0:
            message = "found 0, expected a rise (such as 20) or a fall (such as -20) in percent"
            return [Problem(("threshold",), message)]
        rising = spec.threshold > 0
    if spec.recovery is None or spec.recovery == spec.threshold or (spec.recovery < spec.threshold) == rising:
        return []
    least = "at most" if rising else "at least"
    direction = f"fires {spec.threshold_type.value}" if spec.threshold_type is not ThresholdType.CHANGE_PERCENT else (
        "fires on a rise" if rising else "fires on a fall"
    )  # fmt: skip
    wanted = f"{least} the threshold {found(plain_number(spec.threshold))}, because this rule {direction} it"
    return [Problem(("recovery",), f"found {found(plain_number(spec.recovery))}, expected {wanted}")]


def _channel_problems(spec: RuleSpec) -> list[Problem]:
    from datapulse_tui.dashboards.checking import Problem

    problems = []
    for field, channels in (("channels", spec.channels), ("escalation_channels", spec.escalation_channels)):
        for index, channel in enumerate(channels):
            here = (field, index, "to")
            if channel.type in TO_CHANNELS and channel.to:
                message = f"found recipients, expected none: a {channel.type} channel is the recipient itself"
                problems.append(Problem(here, message))
            elif channel.type not in TO_CHANNELS and not channel.to:
                problems.append(Problem(here, f"is missing, expected {_EXPECTED['channels.to']}"))
            for place, term in enumerate(channel.to):
                wrong = _recipient_problem(channel.type, term)
                if wrong:
                    problems.append(Problem((*here, place), wrong))
    return problems


def _recipient_problem(type_: str, term: str) -> str:
    from datapulse_tui.dashboards.checking import found
    from datapulse_tui.people.rules import normalise_email, normalise_phone

    kind, colon, rest = term.partition(":")
    if term == "owner" or (colon and kind in ("person", "role", "department") and rest.strip()):
        return ""
    address = kind == "address" and bool(colon)
    try:
        if address and type_ == "sms":
            if normalise_phone(rest) is None:
                return f"found {found(term)}, expected address: and a phone number"
        else:
            normalise_email(rest if address else term)
    except Invalid as error:
        if address:
            return f"found {found(term)}: {error.message.removesuffix(' Nothing was changed.')}"
        return f"found {found(term)}, expected {_EXPECTED['channels.to.']}"
    return ""


def _message_problems(spec: RuleSpec) -> list[Problem]:
    from datapulse_tui.dashboards.checking import Problem
    from datapulse_tui.notify.templates import check_template

    if spec.message is None:
        return []
    try:
        check_template(spec.message)
    except Invalid as error:
        return [Problem(("message",), str(error).replace(" Nothing was changed.", ""))]
    return []
