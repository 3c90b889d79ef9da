"""DataPulse: a business-intelligence and operations desk that lives in the terminal, on PostgreSQL."""

from __future__ import annotations

__version__ = "0.1.0"
