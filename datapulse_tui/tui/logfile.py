"""The file that details go to: of this person only, bounded, and never on the terminal."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

MOST_BYTES = 1_000_000
KEPT = 3


def log_to(path: Path, level: str) -> None:
    """Send what this process logs to `path`. Where that cannot be written the desk goes on without a log."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8")
    except OSError:
        logging.getLogger().addHandler(logging.NullHandler())
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    # Every statement and every job would be too many.
    for name in ("sqlalchemy", "psycopg", "procrastinate", "asyncio", "httpx", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)
