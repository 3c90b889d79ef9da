"""Errors that people see. Each says what happened, what it means for the person's data, and what to do next."""

from __future__ import annotations


class DataPulseError(Exception):
    """Base of every error that is shown to a person.

    `message` says what happened and what it means; `hint` says what to do next. Neither holds a secret. Details that
    only a developer needs go to the log, not here.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class NotAllowed(DataPulseError):
    """The actor lacks the right. Nothing was changed."""


class NotFound(DataPulseError):
    """The thing is not there, or not visible to the actor; the two look the same on purpose."""


class Invalid(DataPulseError):
    """The input breaks a rule. Nothing was changed."""


class Conflict(DataPulseError):
    """Somebody else changed the thing first. Nothing was changed; look again."""


class Unavailable(DataPulseError):
    """A service that is needed (the database, a source, a channel) does not answer."""
