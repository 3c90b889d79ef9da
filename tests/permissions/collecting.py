"""Which verbs there are: found in the modules, so that nobody can forget to write one down."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

# Rooms and packages whose every public `async def verb(..., actor, ...)` is a verb until it is said not to be one.
ROOMS = (
    "alerts.applying",
    "alerts.service",
    "audit",
    "dashboards.applying",
    "dashboards.service",
    "jobs",
    "notify.service",
    "operations",
    "people",
    "sources.service",
    "workflows.effects",
    "workflows.service",
)
ROOT = "datapulse_tui"
AMONG_FIRST = 4  # the actor is one of the first parameters


def modules() -> Iterator[str]:
    """The names of all modules of the rooms."""
    for room in ROOMS:
        module = importlib.import_module(f"{ROOT}.{room}")
        yield module.__name__
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
            yield found.name


def verbs() -> set[str]:
    """Every verb as `room.module.verb`."""
    found = set()
    for name in modules():
        for attribute, thing in vars(importlib.import_module(name)).items():
            own = inspect.iscoroutinefunction(thing) and thing.__module__ == name and not attribute.startswith("_")
            if own and "actor" in list(inspect.signature(thing).parameters)[:AMONG_FIRST]:
                found.add(f"{name.removeprefix(f'{ROOT}.')}.{attribute}")
    return found
