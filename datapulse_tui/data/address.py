"""A database's address taken apart with the standard library, for what must not wait for SQLAlchemy to be imported.

The form is SQLAlchemy's: `postgresql+psycopg://user:password@host:port/database?host=...`, where the query may name a
socket folder, or several hosts as `host=a:5432&host=b:5432`.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

CONNECT_TIMEOUT = 5  # seconds for one address; what a person waits for a message

# A line that died without a word (a cable, a sleeping laptop, a NAT that forgot) is noticed after about 25 s.
KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}


def libpq_arguments(url: str, application_name: str) -> dict[str, str]:
    """`url` as keyword arguments of `psycopg.connect`. They hold the password: never log them.

    Raises ValueError for a port that is not a number.
    """
    parts = urlsplit(url)
    query: dict[str, str] = {}
    hosts: list[tuple[str, str]] = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "host":
            host, colon, port = value.rpartition(":")
            hosts.append((host, port) if colon and port.isdigit() else (value, ""))
        else:
            query[name] = value
    if not hosts and parts.hostname:
        hosts = [(unquote(parts.hostname), str(parts.port or ""))]
    found = {
        "host": ",".join(host for host, _ in hosts),
        "port": ",".join(port for _, port in hosts) if any(port for _, port in hosts) else "",
        "dbname": unquote(parts.path.lstrip("/")),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    named = {name: value for name, value in found.items() if value}
    if len(hosts) > 1:
        named["target_session_attrs"] = "read-write"  # a standby takes neither changes nor LISTEN nor jobs
    return {
        "connect_timeout": str(CONNECT_TIMEOUT),
        **KEEPALIVES,
        **named,
        **query,
        "application_name": application_name,
    }


def shown(url: str) -> str:
    """Where `url` points, without user or password, for messages: `host:port/database`."""
    named = libpq_arguments(url, "")
    ports = named.get("port", "").split(",")
    hosts = named.get("host", "localhost").split(",")
    listed = [f"{host}:{port}" if port else host for host, port in zip(hosts, ports + [""] * len(hosts), strict=False)]
    return f"{', '.join(listed)}/{named.get('dbname', '')}"
