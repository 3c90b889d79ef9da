"""The embedded PostgreSQL server: started on demand, shared by every process of a home, ended with the last of them."""

from __future__ import annotations

from datapulse_tui.data.embedded.launcher import EmbeddedServer, ServerStatus, erase, start, status, stop

__all__ = ["EmbeddedServer", "ServerStatus", "erase", "start", "status", "stop"]
