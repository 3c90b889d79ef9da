"""Results of a realistic shape, the same on every machine: no randomness but a small generator of their own."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from datapulse_tui.charts.draw import draw
from datapulse_tui.charts.picture import Picture
from datapulse_tui.charts.theme import DARK, ChartTheme
from datapulse_tui.data.result import Column, ColumnKind, Result

NOW = datetime(2025, 11, 21, 14, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def picture(
    data: Result | bytes | str | None,
    kind: str,
    options: dict[str, object] | None = None,
    width: int = 80,
    height: int = 24,
    theme: ChartTheme = DARK,
    zone: ZoneInfo = BERLIN,
    span: tuple[datetime, datetime] | None = None,
) -> Picture:
    return draw(data, kind, options, width=width, height=height, theme=theme, zone=zone, now=NOW, span=span)


def text(picture: Picture) -> str:
    return picture.to_text()


def table(columns: str, rows: list[tuple[object, ...]]) -> Result:
    """A result from `name:kind` words, for example `day:date orders:number`."""
    named = (word.split(":") for word in columns.split())
    return Result(tuple(Column(name, ColumnKind(kind)) for name, kind in named), rows)


def noise() -> Iterator[float]:
    """Numbers from 0 to 1 of a linear congruential generator (Numerical Recipes' constants)."""
    state = 7
    while True:
        state = (1664525 * state + 1013904223) % 2**32
        yield state / 2**32


def latency(points: int = 300) -> Result:
    chance = noise()
    rows: list[tuple[object, ...]] = []
    for at in range(points):
        base = 40 + 18 * math.sin(at / 40) + 4 * next(chance) + (60 if 180 < at < 200 else 0)
        when = NOW - timedelta(minutes=points - at)
        rows.append(
            (when, round(base, 2), round(base * 1.9 + 12 * next(chance), 2), round(base * 2.6 + 30 * next(chance), 2))
        )
    return table("ts:time p50:number p95:number p99:number", rows)


def requests(hours: int = 24) -> Result:
    rows: list[tuple[object, ...]] = [
        (
            NOW.replace(minute=0) - timedelta(hours=hours - at),
            status,
            max(0, round(100 * size + 50 * math.sin(at / 3 + size))),
        )
        for at in range(hours)
        for size, status in ((0, "5xx"), (1, "4xx"), (2, "2xx"))
    ]
    return table("hour:time status:text requests:number", rows)


COUNTRIES = table(
    "country:text orders:number",
    [
        ("Germany", 12845),
        ("France", 9120),
        ("Spain", Decimal("7204.5")),
        ("United Kingdom", 6100),
        ("日本", 3333),
        ("Iceland", 120),
    ],
)
TRAFFIC = table(
    "source:text visits:number",
    [
        ("Search", 4200),
        ("Direct", 2600),
        ("Newsletter & partners", 1400),
        ("Social", 900),
        ("Ads", 600),
        ("Email", 300),
    ],
)
INCIDENTS = table(
    "opened:time rule:text service:text value:number acknowledged:boolean",
    [
        (
            NOW - timedelta(minutes=7 * at * at),
            "disk [/dev/sda1] full [/] " * (1 + at % 2),
            ("api", "日本語サービス", "שלום", "\x1b[31mred")[at % 4],
            None if at == 3 else Decimal("1234.5") * at,
            at % 2 == 0,
        )
        for at in range(30)
    ],
)
ORDERS = table(
    "day:date orders:number",
    [(date(2025, 10, 20) + timedelta(days=at), 900 + round(300 * math.sin(at / 2))) for at in range(30) if at != 7],
)
RUNBOOK = """# Runbook: checkout latency

When **p95** goes over *200 ms*, look at the `pool` first. See [the page](https://wiki.example/runbook).

- check `pg_stat_activity`
  - who holds locks
1. roll back

> Never restart both nodes at once, whatever the [red]pager[/red] says.

| node | lag |
|:-----|----:|
| db-1 | 0 |
| db-2 | 12 ms |
"""


def image() -> bytes:
    """A PNG with a disc before a gradient."""
    from PIL import Image, ImageDraw

    drawn = Image.new("RGB", (160, 96))
    pen = ImageDraw.Draw(drawn)
    for column in range(160):
        pen.line([column, 0, column, 95], fill=(column, 120 - column // 2, 200 - column))
    pen.ellipse([50, 18, 110, 78], fill="#ffcc33")
    file = io.BytesIO()
    drawn.save(file, "PNG")
    return file.getvalue()
