"""Where the files that are not Python live: beside the package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name


def migrations_path() -> Path:
    """The folder of the Alembic history."""
    return _folder("migrations")


def styles_path() -> Path:
    """The folder of the desk's style sheets."""
    return _folder("styles")
