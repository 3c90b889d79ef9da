"""The control for a field of a form: a choice where its values are known, else what it takes is written."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from datapulse_tui.tui.widgets.choice import Choice, Option
from datapulse_tui.tui.widgets.sheet import SheetField, SheetText

if TYPE_CHECKING:
    from textual.widget import Widget

    from datapulse_tui.workflows.types.base import FormField

PLACEHOLDERS: Mapping[str, str] = MappingProxyType(
    {"number": "a number", "date": "2026-03-01", "moment": "2026-03-01 08:00", "duration": "04:00:00"}
)


def control_of(field: FormField) -> Widget:
    """A new control called after the field."""
    name = f"in-{field.name}"
    optional = "" if field.required else "may stay empty"
    if field.options:
        return Choice([Option(each, each) for each in field.options], id=name)
    if field.choices:
        return Choice(id=name, empty=optional or "choose, or type a name", accept=_written)
    if field.long:
        return SheetText(id=name, placeholder=optional)
    return SheetField(id=name, placeholder=PLACEHOLDERS.get(field.kind, optional))


def _written(typed: str) -> Option | None:
    """What is not in the list: it is looked at when the request is sent."""
    return Option(typed, typed, "as you wrote it")
