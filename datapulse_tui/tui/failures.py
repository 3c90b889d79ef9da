"""From an exception to what a person reads, and to what the log keeps."""

from __future__ import annotations

import logging

from datapulse_tui.errors import DataPulseError

log = logging.getLogger(__name__)


class Unexpected(DataPulseError):
    """A fault of DataPulse itself."""


def shown(error: Exception, during: str) -> DataPulseError:
    """The error as people see it. What DataPulse did not foresee is logged with its traceback."""
    if isinstance(error, DataPulseError):
        log.info("%s: %s: %s", during, type(error).__name__, error.message)
        return error
    log.error("%s failed", during, exc_info=error)
    return Unexpected(
        f"Something went wrong inside DataPulse ({type(error).__name__}) while {during}. What was saved is kept.",
        hint="Try again. The details are in the log file; please report them if it happens again.",
    )
