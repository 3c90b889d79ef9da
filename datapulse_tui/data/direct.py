"""The direct line to the server, for LISTEN and workers: psycopg without the engine, its pool or a pooler between."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import URL

# A line that died without a word (a cable, a sleeping laptop, a NAT that forgot) is noticed after about 25 s.
KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}


def libpq_arguments(url: str | URL, application_name: str) -> dict[str, str]:
    """`url` (in the form that SQLAlchemy takes, several hosts included) as keyword arguments of `psycopg.connect`.

    They hold the password: never log them.
    """
    from datapulse_tui.data.engine import CONNECT_TIMEOUT, parse_url

    parsed = parse_url(url) if isinstance(url, str) else url
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    named = {name: str(value) for name, value in arguments.items() if value is not None}
    if "," in named.get("host", ""):
        named.setdefault("target_session_attrs", "read-write")  # a standby takes neither LISTEN nor jobs
    return {"connect_timeout": str(CONNECT_TIMEOUT), **KEEPALIVES, **named, "application_name": application_name}
