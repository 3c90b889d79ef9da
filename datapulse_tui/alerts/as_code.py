"""Rules as YAML files: a list under `rules:`, read with the line of everything, written the same way every time.

What `dump` writes, `load` reads back as the same rules, and dumping those again gives the same text.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, cast

from datapulse_tui.alerts.plain import Value, plain_detail, plain_query
from datapulse_tui.alerts.schemas import InvalidRule, RuleSpec, check
from datapulse_tui.dashboards import yaml_text
from datapulse_tui.dashboards.checking import Problem, found
from datapulse_tui.dashboards.yaml_text import SIZE_LIMIT, VALUE_LIMIT, Unreadable, YamlDocument
from datapulse_tui.errors import Invalid

if TYPE_CHECKING:
    from datapulse_tui.alerts.reads.rules import RuleDetail

RULE_LIMIT = 1_000  # rules in one file
_LONG = 80  # characters of two texts that stand on one line
_FEW = 5  # entries of a list that stand on one line
_RULES_EXPECTED = f"a list of rules (at most {RULE_LIMIT:,})"


class InvalidFile(Invalid):
    """A file of rules that is not valid. Each of `slips` is `file:line: path: found ..., expected ...`."""

    def __init__(self, slips: Sequence[str]) -> None:
        super().__init__("\n".join(slips), hint="Mend the file and apply it again. Nothing was changed.")
        self.slips = tuple(slips)


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """A rule from a file, whose it is (an address; empty where the file does not say), and where it stands."""

    spec: RuleSpec
    owner: str
    file: str
    index: int
    yaml: YamlDocument

    def locate(self, problems: Sequence[Problem]) -> list[str]:
        """`problems` of this rule with the file and the line of each."""
        return _slips(
            self.file, self.yaml, [Problem(("rules", self.index, *each.path), each.message) for each in problems]
        )


def load_file(path: FilePath) -> list[LoadedRule]:
    """The rules of the file at `path`. Raises InvalidFile; Invalid when it cannot be read at all."""
    try:
        with path.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise Invalid(f"The file {path} cannot be read: {error.strerror}. Nothing was changed.") from error
    return load(content, str(path))


def load(content: bytes, file: str) -> list[LoadedRule]:
    """The rules in `content`; `file` is its name in messages. Raises InvalidFile with every slip."""
    try:
        documents = yaml_text.read(yaml_text.decode(content))
    except Unreadable as error:
        raise InvalidFile([f"{file}:{error.line}: {error.reason}"]) from None
    if len(documents) != 1:
        raise InvalidFile(
            [f"{file}:1: found {len(documents)} documents, expected one with rules: and {_RULES_EXPECTED}"]
        )
    yaml = documents[0]
    loaded: list[LoadedRule] = []
    problems: list[Problem] = []
    for index, value in enumerate(_entries(file, yaml)):
        try:
            spec, owner = _rule(value)
            loaded.append(LoadedRule(spec, owner, file, index, yaml))
        except InvalidRule as error:
            problems += [Problem(("rules", index, *each.path), each.message) for each in error.problems]
    problems += _repeated(loaded)
    if problems:
        raise InvalidFile(_slips(file, yaml, problems))
    return loaded


def dump(details: Sequence[RuleDetail], *, inline: bool = False, owners: bool = True) -> str:
    """Rules as the text of a file. `inline` writes the SQL of queries that are the owner's own, `owners` whose each is.

    Raises Invalid where the text would be larger than a file that `load` takes.
    """
    documents: list[Value] = []
    for detail in details:
        document = plain_detail(detail, owner=owners)
        query = plain_query(detail, inline=inline)
        if isinstance(query, dict) and "sql" in query:
            query = {**query, "sql": f"{query['sql']}\n"}  # the line break makes it a block; reading takes it off
        documents.append({**document, "query": query})
    text = yaml_text.write([cast("yaml_text.Value", {"rules": documents})])
    if len(details) > RULE_LIMIT or len(text.encode()) > SIZE_LIMIT or _count(documents) >= VALUE_LIMIT:
        raise Invalid(
            f"{len(details):,} rules are more than one file may hold ({RULE_LIMIT:,} rules, {SIZE_LIMIT // 1024} KiB). "
            "Nothing was written.",
            hint="Export them in parts: name some, or give words that they have.",
        )
    return text


def _count(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def _entries(file: str, yaml: YamlDocument) -> list[yaml_text.Value]:
    value = yaml.value
    rules = value.get("rules") if isinstance(value, dict) else None
    if isinstance(value, dict) and set(value) - {"rules"}:
        unknown = next(key for key in value if key != "rules")
        raise InvalidFile(
            _slips(file, yaml, [Problem((unknown,), "found an unknown field, expected rules: and nothing beside it")])
        )
    if not isinstance(rules, list) or not rules:
        path = ("rules",) if isinstance(value, dict) and "rules" in value else ()
        shown = found(rules if path else value)
        raise InvalidFile(_slips(file, yaml, [Problem(path, f"found {shown}, expected rules: and {_RULES_EXPECTED}")]))
    if len(rules) > RULE_LIMIT:
        here = ("rules", RULE_LIMIT)
        raise InvalidFile(
            _slips(file, yaml, [Problem(here, f"found {len(rules):,} rules, expected at most {RULE_LIMIT:,}")])
        )
    return rules


def _rule(value: yaml_text.Value) -> tuple[RuleSpec, str]:
    if not isinstance(value, dict) or "owner" not in value:
        return check(value), ""
    owner = value["owner"]
    problems: list[Problem] = []
    if not isinstance(owner, str) or "@" not in owner:
        problems.append(
            Problem(("owner",), f"found {found(owner)}, expected the address of the person whose rule it is")
        )
    try:
        spec = check({key: each for key, each in value.items() if key != "owner"})
    except InvalidRule as error:
        raise InvalidRule([*problems, *error.problems]) from None
    if problems:
        raise InvalidRule(problems)
    return spec, str(owner).strip().lower()


def _repeated(loaded: Sequence[LoadedRule]) -> list[Problem]:
    seen: dict[tuple[str, str], int] = {}
    problems = []
    for each in loaded:
        key = (each.owner, each.spec.name)
        if key in seen:
            line = each.yaml.line_of(("rules", seen[key], "name"))
            message = f"found {found(each.spec.name)} again, expected it once (it is on line {line})"
            problems.append(Problem(("rules", each.index, "name"), message))
        seen.setdefault(key, each.index)
    return problems


def _slips(file: str, yaml: YamlDocument, problems: Sequence[Problem]) -> list[str]:
    located = sorted(((yaml.line_of(problem.path), str(problem)) for problem in problems), key=lambda each: each[0])
    return [f"{file}:{line}: {text}" for line, text in located]


def differences(before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[str, ...]:
    """What differs between two plain forms, a line a field; of long texts it is only said that they changed."""
    lines: list[str] = []
    for field in dict.fromkeys([*after, *before]):
        if field not in after and not isinstance(before[field], dict | list):
            lines.append(f"{field} {found(before[field])} removed (back to its default)")
        else:
            lines += _changes(field, before.get(field), after.get(field))
    return tuple(lines)


def _changes(path: str, old: Value, new: Value) -> list[str]:
    """The lines about one value, down to the entries of mappings and of lists of mappings."""
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for key in dict.fromkeys([*new, *old])
            for line in _changes(f"{path}.{key}", old.get(key), new.get(key))
        ]
    if _entries_in(old) and _entries_in(new):
        pairs = itertools.zip_longest(cast("list[Value]", old), cast("list[Value]", new))
        return [line for index, pair in enumerate(pairs) for line in _changes(f"{path}[{index}]", *pair)]
    if old is None or new is None:
        return [f"{path} set to {_shown(new)}" if old is None else f"{path} {_shown(old)} removed"]
    if isinstance(old, str) and isinstance(new, str) and len(old) + len(new) > _LONG:
        return [f"{path} changed"]
    return [f"{path}: {_shown(old)} -> {_shown(new)}"]


def _entries_in(value: Value) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _shown(value: Value) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_shown(each) for each in value[:_FEW]) + (", …]" if len(value) > _FEW else "]")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    return found(value)
