"""Which adapter serves which type of source. A further type is a configuration in schemas.py and a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datapulse_tui.errors import Invalid
from datapulse_tui.sources.adapters.base import Adapter
from datapulse_tui.sources.schemas import CsvConfig, PostgresConfig, SourceConfig


def _postgresql(config: PostgresConfig, _: Sequence[Path]) -> Adapter:
    from datapulse_tui.sources.adapters.postgresql import PostgresAdapter

    return PostgresAdapter(config)


def _csv(config: CsvConfig, folders: Sequence[Path]) -> Adapter:
    from datapulse_tui.sources.adapters.csv import CsvAdapter

    return CsvAdapter(config, folders)


# The factory of a configuration's class takes that class, which the type of the mapping cannot say; hence Any.
_FACTORIES: dict[type[SourceConfig], Callable[[Any, Sequence[Path]], Adapter]] = {
    PostgresConfig: _postgresql,
    CsvConfig: _csv,
}


def make_adapter(config: SourceConfig, csv_folders: Sequence[Path]) -> Adapter:
    """The adapter for a validated configuration. Imports its driver, connects to nothing."""
    factory = _FACTORIES.get(type(config))
    if factory is None:
        raise Invalid("There is no adapter for sources of this type.", hint="Update DataPulse.")
    return factory(config, csv_folders)
