"""Style sheets that are parsed once for all desks of a process: a person opens one, the tests hundreds."""

from __future__ import annotations

from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

Key = tuple[Any, ...]


def keep(patch: pytest.MonkeyPatch) -> None:
    """Let every style sheet take the rules that another one parsed from the same words, place and variables.

    Textual does not change rules once they are parsed: it shares them between the nodes of an app.
    """
    parse = Stylesheet._parse_rules
    kept: dict[Key, list[RuleSet]] = {}
    variables: dict[frozenset[tuple[str, str]], int] = {}

    def parse_rules(self: Any, css: str, *args: Any, **kwargs: Any) -> list[RuleSet]:
        known: tuple[Any, int] | None = getattr(self, "_kept_under", None)
        if known is None or known[0] is not self._variables:
            names = frozenset(self._variables.items())
            known = self._kept_under = (self._variables, variables.setdefault(names, len(variables)))
        key = (known[1], css, args, tuple(kwargs.items()))
        if key not in kept:
            kept[key] = parse(self, css, *args, **kwargs)
        return kept[key]

    patch.setattr(Stylesheet, "_parse_rules", parse_rules)
