"""Dashboards as YAML files: read with the line of everything, written the same way every time.

A file holds one dashboard, or several divided by `---`. What `dump` writes, `load` reads back as the same dashboards,
and dumping those again gives the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import cast

from datapulse_tui.dashboards import yaml_text
from datapulse_tui.dashboards.checking import InvalidDocument, Problem, check, found
from datapulse_tui.dashboards.plain import Document
from datapulse_tui.dashboards.schemas import DashboardDoc
from datapulse_tui.dashboards.yaml_text import SIZE_LIMIT, Unreadable, YamlDocument
from datapulse_tui.errors import Invalid

DASHBOARD_LIMIT = 100  # dashboards in one file


class InvalidFile(Invalid):
    """A file of dashboards that is not valid. Each of `slips` is `file:line: path: found ..., expected ...`."""

    def __init__(self, slips: Sequence[str]) -> None:
        super().__init__("\n".join(slips), hint="Mend the file and apply it again. Nothing was changed.")
        self.slips = tuple(slips)


@dataclass(frozen=True, slots=True)
class LoadedDashboard:
    """A dashboard from a file, and where in the file it and its parts stand."""

    document: DashboardDoc
    file: str
    yaml: YamlDocument

    def locate(self, error: InvalidDocument) -> InvalidFile:
        """`error` with the file and the line of each problem."""
        return InvalidFile(_slips(self.file, self.yaml, error.problems))


def load_file(path: FilePath) -> list[LoadedDashboard]:
    """The dashboards of the file at `path`. Raises InvalidFile; Invalid when it cannot be read at all."""
    try:
        with path.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise Invalid(f"The file {path} cannot be read: {error.strerror}. Nothing was changed.") from error
    return load(content, str(path))


def load(content: bytes, file: str) -> list[LoadedDashboard]:
    """The dashboards in `content`; `file` is its name in messages. Raises InvalidFile with every slip."""
    try:
        documents = yaml_text.read(yaml_text.decode(content))
    except Unreadable as error:
        raise InvalidFile([f"{file}:{error.line}: {error.reason}"]) from None
    if not documents or all(each.value is None for each in documents):
        raise InvalidFile([f"{file}:1: found no dashboard, expected a mapping with name and widgets"])
    if len(documents) > DASHBOARD_LIMIT:
        line = documents[DASHBOARD_LIMIT].line_of(())
        raise InvalidFile([f"{file}:{line}: found {len(documents)} dashboards, expected at most {DASHBOARD_LIMIT}"])
    loaded: list[LoadedDashboard] = []
    slips: list[str] = []
    for yaml in documents:
        try:
            loaded.append(LoadedDashboard(check(yaml.value), file, yaml))
        except InvalidDocument as error:
            slips += _slips(file, yaml, error.problems)
    slips += _repeated_names(loaded)
    if slips:
        raise InvalidFile(slips)
    return loaded


def dump(documents: Sequence[Document]) -> str:
    """Plain forms as the text of a file; every query stands as a block scalar."""
    return yaml_text.write([cast("yaml_text.Value", _with_blocks(document)) for document in documents])


def _slips(file: str, yaml: YamlDocument, problems: Sequence[Problem]) -> list[str]:
    located = sorted(((yaml.line_of(problem.path), str(problem)) for problem in problems), key=lambda each: each[0])
    return [f"{file}:{line}: {text}" for line, text in located]


def _repeated_names(loaded: Sequence[LoadedDashboard]) -> list[str]:
    seen: dict[str, int] = {}
    slips = []
    for each in loaded:
        name, line = each.document.name, each.yaml.line_of(("name",))
        if name in seen:
            message = f"found {found(name)} again, expected it once (it is on line {seen[name]})"
            slips.append(f"{each.file}:{line}: name: {message}")
        seen.setdefault(name, line)
    return slips


def _with_blocks(value: object, key: str = "") -> object:
    """A line break behind each query, which is what makes it a block scalar; reading takes it off again."""
    if isinstance(value, dict):
        return {name: each if name == "config" else _with_blocks(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_blocks(each) for each in value]
    return f"{value}\n" if key == "query" and isinstance(value, str) else value
