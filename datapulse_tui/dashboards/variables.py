"""Variables of a dashboard: what a reader chooses, and the bound parameters that come of it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from datapulse_tui.errors import Invalid

VariableType = Literal["text", "number", "choice"]
Scalar = str | int | float

RESERVED = frozenset({"from", "to", "bucket"})
NAME = re.compile(r"(?!dp_)[a-z][a-z0-9_]{0,62}")  # dp_ is for the parameters of DataPulse itself
LONGEST_TEXT = 1_000
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. A choice has `options`, or a query that brings them (its first column) from `source_name`."""

    name: str
    type: VariableType
    label: str = ""
    options: tuple[Scalar, ...] = ()
    source_name: str = ""
    query: str = ""
    default: Scalar | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Variable:
        """The variable as `schemas` wrote it into the dashboard's layout."""
        options = value.get("options")
        source_name = query = ""
        listed: tuple[Scalar, ...] = ()
        if isinstance(options, Mapping):
            source_name, query = str(options["source"]), str(options["query"])
        elif isinstance(options, Sequence):
            listed = tuple(each for each in options if isinstance(each, str | int | float))
        default = value.get("default")
        kind = value["type"]
        return cls(
            name=str(value["name"]),
            type="number" if kind == "number" else "choice" if kind == "choice" else "text",
            label=str(value.get("label") or ""),
            options=listed,
            source_name=source_name,
            query=query,
            default=default if isinstance(default, str | int | float) else None,
        )

    def to_json(self) -> dict[str, object]:
        """The plain form that files and the store hold; `from_json` reads it back."""
        value: dict[str, object] = {"name": self.name, "type": self.type}
        if self.label:
            value["label"] = self.label
        if self.source_name:
            value["options"] = {"source": self.source_name, "query": self.query}
        elif self.options:
            value["options"] = list(self.options)
        if self.default is not None:
            value["default"] = self.default
        return value

    @property
    def title(self) -> str:
        """What the reader sees: the label, else the name in words."""
        return self.label or self.name.replace("_", " ")

    @property
    def initial(self) -> Scalar | None:
        """The value before anybody chose one; None reaches SQL as NULL."""
        if self.default is None and self.options:
            return self.options[0]
        return self.default


def accept(variable: Variable, value: object) -> Scalar | None:
    """`value` (often text that was typed) as the variable's bound parameter. Invalid says what was expected."""
    if value is None or (value == "" and variable.type == "number"):
        return None
    if variable.type == "number":
        return _number(variable, value)
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _refused(variable, value, "a text")
    if variable.type == "choice" and variable.options:
        for option in variable.options:
            if option == value or str(option) == str(value):
                return option
        raise _refused(variable, value, "one of " + ", ".join(map(str, variable.options)))
    if isinstance(value, str) and (len(value) > LONGEST_TEXT or "\0" in value):
        raise _refused(variable, value, f"a text of at most {LONGEST_TEXT} characters")
    return value if variable.type == "choice" else str(value)


def bind(variables: Sequence[Variable], given: Mapping[str, object]) -> dict[str, Scalar | None]:
    """Every variable with the value that was given for it, or its initial one. Invalid on a name that is none."""
    unknown = sorted(set(given) - {variable.name for variable in variables})
    if unknown:
        known = ", ".join(variable.name for variable in variables) or "none"
        raise Invalid(f"There is no variable called {unknown[0]}.", hint=f"This dashboard's variables: {known}.")
    return {
        variable.name: accept(variable, given[variable.name]) if variable.name in given else variable.initial
        for variable in variables
    }


def _number(variable: Variable, value: object) -> int | float:
    if isinstance(value, str):
        text = value.strip().replace("_", "")
        try:
            value = int(text) if _INTEGER.fullmatch(text) else float(text)
        except ValueError:
            raise _refused(variable, value, "a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused(variable, value, "a number")
    return value


def _refused(variable: Variable, value: object, expected: str) -> Invalid:
    shown = str(value)[:60]
    return Invalid(f"The variable {variable.title} cannot be {shown!r}.", hint=f"Expected {expected}.")
