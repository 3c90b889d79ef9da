"""How a change travels: `emit` says it inside the transaction, `Feed` hears it in every open desk.

Importing this room costs nothing heavy: SQLAlchemy and psycopg load with the first call that needs them.
"""

from __future__ import annotations

from datapulse_tui.data.feed.listener import Feed, FeedState, Pace
from datapulse_tui.data.feed.messages import CHANNEL, EVERYTHING, Changes, emit

__all__ = ["CHANNEL", "EVERYTHING", "Changes", "Feed", "FeedState", "Pace", "emit"]
