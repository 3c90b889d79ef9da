"""Every type of request by its name: whatever module of this package has a `TYPE`."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from datapulse_tui.errors import NotFound
from datapulse_tui.workflows import types
from datapulse_tui.workflows.types.base import RequestType


def discover(path: Iterable[str] = types.__path__) -> Mapping[str, RequestType[Any]]:
    """The types in the modules that lie in `path`, which is the package's own or has been extended, by title."""
    found: dict[str, RequestType[Any]] = {}
    for module in pkgutil.iter_modules(path):
        if module.name == "registry":
            continue
        kept = getattr(import_module(f"{types.__name__}.{module.name}"), "TYPE", None)
        if not isinstance(kept, RequestType):
            continue
        if kept.name in found:
            raise ValueError(f"two types of request are called {kept.name}")
        found[kept.name] = kept
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: item[1].title)))


TYPES = discover()


def type_of(name: str) -> RequestType[Any]:
    """The type called `name`. Raises NotFound that names them all."""
    kept = TYPES.get(name)
    if kept is None:
        raise NotFound(
            f"There is no type of request called {name[:40]!r}. Nothing was changed.",
            hint=f"There are: {', '.join(TYPES)}.",
        )
    return kept
