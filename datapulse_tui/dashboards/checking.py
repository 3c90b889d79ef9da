"""Checking a dashboard as code: every slip is told as where, what was found, and what was expected."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from datapulse_tui.charts.options import InvalidOptions, parse_options
from datapulse_tui.dashboards import rules
from datapulse_tui.dashboards.rules import grid_problems
from datapulse_tui.dashboards.schemas import (
    QUERY_LIMIT,
    DashboardDoc,
    OptionsQuery,
    PositionDoc,
    ShareDoc,
    VariableDoc,
    WidgetDoc,
)
from datapulse_tui.dashboards.timerange import EXPECTED as TIME_RANGE_EXPECTED
from datapulse_tui.dashboards.variables import LONGEST_TEXT
from datapulse_tui.errors import Invalid

Path = tuple[str | int, ...]

# What a field takes, in words; by its path without positions. Every message about that field ends with it.
_EXPECTED = {
    "": "a mapping with name and widgets",
    "name": "one line of 1 to 255 characters",
    "description": "a text of at most 10,000 characters",
    "public": "true or false",
    "refresh": rules.REFRESH_EXPECTED,
    "time_range": TIME_RANGE_EXPECTED,
    "time_range.from": "a time such as 2026-03-01 08:00",
    "time_range.to": "a time such as 2026-03-01 08:00",
    "variables": "a list of variables (at most 20)",
    "variables.": "a mapping with name and type",
    "variables.name": "a word of a-z, 0-9 and _ such as region",
    "variables.type": "text, number or choice",
    "variables.label": "one line of at most 80 characters",
    "variables.options": "a list of texts or numbers, or a mapping with source and query",
    "variables.options.": "a text or a number",
    "variables.options.source": "the name of a source",
    "variables.options.query": "a SELECT whose first column holds the options",
    "variables.default": "a text or a number",
    "widgets": f"a list of widgets (at most {rules.MAX_WIDGETS})",
    "widgets.": "a mapping with title, type and position",
    "widgets.title": "one line of 1 to 200 characters",
    "widgets.type": "one of " + ", ".join(rules.WIDGET_TYPES),
    "widgets.source": "the name of a source",
    "widgets.query": f"a SELECT of at most {QUERY_LIMIT:,} characters",
    "widgets.config": "a mapping of options",
    "widgets.position": "a mapping with x, y, w and h",
    "widgets.position.x": "a whole number from 0 to 11",
    "widgets.position.y": f"a whole number from 0 to {rules.MAX_ROWS - 1}",
    "widgets.position.w": "a whole number from 1 to 12",
    "widgets.position.h": f"a whole number from 1 to {rules.MAX_HEIGHT}",
    "shares": "a list of shares (at most 500)",
    "shares.": "a mapping with email and permission",
    "shares.email": "an e-mail address",
    "shares.permission": "view or edit",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One slip: the path in the document, and what was found and expected."""

    path: Path
    message: str

    def __str__(self) -> str:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")
        return f"{where}: {self.message}" if where else self.message


class InvalidDocument(Invalid):
    """A dashboard as code that is not valid. Nothing was changed. `problems` holds every slip."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)), hint="Mend it and apply again. Nothing was changed.")
        self.problems = tuple(problems)


def check(value: object) -> DashboardDoc:
    """The dashboard that `value` (plain data from a file) describes. Raises InvalidDocument with every slip."""
    if not isinstance(value, dict):
        raise InvalidDocument([Problem((), f"found {found(value)}, expected {_EXPECTED['']}")])
    try:
        document = DashboardDoc.model_validate(value)
    except ValidationError as error:
        raise InvalidDocument(_model_problems(value, error)) from None
    problems = [*_widget_problems(document), *_variable_problems(document), *_share_problems(document)]
    if problems:
        raise InvalidDocument(sorted(problems, key=_order))
    return document


def found(value: object) -> str:
    """`value` in a few words, for "found ...". Long text is cut, control characters are escaped."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        shown = value if len(value) <= 60 else value[:59] + "…"
        escaped = json.dumps(shown, ensure_ascii=False)
        return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in escaped)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a mapping"
    return str(value)[:60]


def at(value: object, path: Path) -> object:
    """What stands at `path` in plain data; None where nothing does."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _order(problem: Problem) -> list[tuple[int, int, str]]:
    return [(0, part, "") if isinstance(part, int) else (1, 0, part) for part in problem.path]


def _model_problems(value: object, error: ValidationError) -> list[Problem]:
    problems: dict[Path, Problem] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        path = _real_path(value, each["loc"])
        if path in problems:
            continue
        if each["type"] == "extra_forbidden":
            problems[path] = _unknown_field(path)
        elif each["type"] == "missing":
            problems[path] = Problem(path, f"is missing, expected {expected(path)}")
        else:
            problems[path] = Problem(path, f"found {found(at(value, path))}, expected {expected(path)}")
    # Where one branch of a union tells more than another, the deeper problem is the one meant.
    return [
        problem
        for path, problem in problems.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in problems)
    ]


def _real_path(value: object, loc: Path) -> Path:
    """`loc` without the names that pydantic adds for the branches of a union."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        here = at(value, tuple(path))
        if isinstance(part, int):
            real = isinstance(here, list)
        else:
            real = isinstance(here, dict) and (part in here or (last and part in _field_names(tuple(path))))
        if real:
            path.append(part)
    return tuple(path)


def _dotted(path: Path) -> str:
    return "".join("." if isinstance(part, int) else f".{part}" for part in path).lstrip(".").replace("..", ".")


def expected(path: Path) -> str:
    """What the field at `path` takes, in words."""
    return _EXPECTED.get(_dotted(path)) or "something else"


def _field_names(parent: Path) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "": DashboardDoc,
        "variables.": VariableDoc,
        "variables.options": OptionsQuery,
        "widgets.": WidgetDoc,
        "widgets.position": PositionDoc,
        "shares.": ShareDoc,
    }
    model = models.get(_dotted(parent))
    return list(model.model_fields) if model else []


def _unknown_field(path: Path) -> Problem:
    names = _field_names(path[:-1])
    near = difflib.get_close_matches(str(path[-1]), names, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return Problem(path, f"found an unknown field, expected one of {', '.join(names)}{meant}")


def _widget_problems(document: DashboardDoc) -> list[Problem]:
    problems: list[Problem] = []
    for index, widget in enumerate(document.widgets):
        here: Path = ("widgets", index)
        for field, value in (("source", widget.source), ("query", widget.query)):
            if widget.type in rules.WITHOUT_SOURCE and value is not None:
                problems.append(
                    Problem((*here, field), f"found a {field}, expected none in a widget of type {widget.type}")
                )
            elif widget.type not in rules.WITHOUT_SOURCE and value is None:
                problems.append(Problem((*here, field), f"is missing, expected {_EXPECTED[f'widgets.{field}']}"))
        problems += _option_problems((*here, "config"), widget)
    for index, message in grid_problems([widget.position.place for widget in document.widgets]):
        problems.append(Problem(("widgets", index, "position"), message))
    return problems


def _option_problems(here: Path, widget: WidgetDoc) -> list[Problem]:
    try:
        parse_options(widget.type, widget.config)
    except InvalidOptions as error:
        config = dict(widget.config)
        return [_option_problem(here, config, each.path, each.message) for each in error.problems]
    content = {"text": "markdown", "image": "source"}.get(widget.type)
    if content is not None and not widget.config.get(content):
        return [Problem((*here, content), f"is missing, expected what this {widget.type} shows")]
    return []


def _option_problem(here: Path, config: object, path: Path, message: str) -> Problem:
    if message.startswith("is not known"):
        return Problem((*here, *path), f"found an unknown option{message.removeprefix('is not known')}")
    if message.startswith("field required"):
        return Problem((*here, *path), "is missing")
    shown = found(at(config, path))
    if message.startswith("input should be "):
        return Problem((*here, *path), f"found {shown}, expected {message.removeprefix('input should be ')}")
    return Problem((*here, *path), f"found {shown}: {message}")


def _variable_problems(document: DashboardDoc) -> list[Problem]:
    problems: list[Problem] = []
    names: dict[str, int] = {}
    for index, variable in enumerate(document.variables):
        here: Path = ("variables", index)
        if variable.name in names:
            message = (
                f"found {found(variable.name)} again, expected a name of its own (as variables[{names[variable.name]}])"
            )
            problems.append(Problem((*here, "name"), message))
        names.setdefault(variable.name, index)
        if variable.type == "choice" and not variable.options:
            problems.append(Problem((*here, "options"), f"is missing, expected {_EXPECTED['variables.options']}"))
        elif variable.type != "choice" and variable.options is not None:
            problems.append(
                Problem((*here, "options"), f"found options, expected none in a variable of type {variable.type}")
            )
        problems += _default_problems(here, variable)
    return problems


def _default_problems(here: Path, variable: VariableDoc) -> list[Problem]:
    default, options = variable.default, variable.options
    wanted = ""
    if variable.type == "number" and isinstance(default, str):
        wanted = "a number"
    elif variable.type == "text" and default is not None and not isinstance(default, str):
        wanted = "a text (in quotes)"
    elif isinstance(options, list) and default is not None and default not in options:
        wanted = "one of " + ", ".join(map(str, options[:20]))
    elif isinstance(default, str) and len(default) > LONGEST_TEXT:
        wanted = f"a text of at most {LONGEST_TEXT} characters"
    return [Problem((*here, "default"), f"found {found(default)}, expected {wanted}")] if wanted else []


def _share_problems(document: DashboardDoc) -> list[Problem]:
    emails = [share.email for share in document.shares or ()]
    return [
        Problem(("shares", index, "email"), f"found {found(email)} again, expected each person once")
        for index, email in enumerate(emails)
        if email in emails[:index]
    ]
