"""`datapulse doctor`: a set-up looked over from end to end, also and above all when the database is away."""

from __future__ import annotations
