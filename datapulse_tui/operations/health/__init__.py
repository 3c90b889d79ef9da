"""How everything is: each part reads what its domain knows, says in one line how it stands, and fails alone."""

from __future__ import annotations
