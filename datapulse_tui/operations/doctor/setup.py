"""What the checks look at, and what one finds out for the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datapulse_tui.config import Settings
    from datapulse_tui.data.addresses import Addresses
    from datapulse_tui.data.database import Database
    from datapulse_tui.errors import DataPulseError


@dataclass(slots=True)
class Setup:
    """`settings` are there unless `trouble` says why not. `addresses` and `data` come once they are known; `answers`
    says that the application's way to the database works, `fits` that the schema is this program's, `works` that a
    worker lives."""

    settings: Settings | None = None
    trouble: DataPulseError | None = None
    addresses: Addresses | None = None
    data: Database | None = field(default=None, repr=False)
    answers: bool = False
    fits: bool = False
    works: bool = False

    @property
    def database(self) -> Database:
        """The database of a check that is run only when it answers."""
        assert self.data is not None
        return self.data

    @property
    def known(self) -> Settings:
        """The settings of a check that is run only when they are valid."""
        assert self.settings is not None
        return self.settings
