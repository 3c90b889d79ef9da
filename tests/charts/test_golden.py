"""How each kind of chart looks. After a wanted change: DATAPULSE_UPDATE_GOLDEN=1 pytest tests/charts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from datapulse_tui.charts.theme import NONE

from . import samples

GOLDEN = Path(__file__).parent / "golden"
SIZES = ((40, 12), (80, 24), (30, 12))
WIDGETS: dict[str, tuple[object, str, dict[str, object]]] = {
    "line_chart": (
        samples.latency(),
        "line_chart",
        {
            "unit": "ms",
            "thresholds": [{"value": 150, "label": "slow"}, {"value": 900, "label": "SLO", "severity": "critical"}],
        },
    ),
    "area_chart": (samples.latency(90), "area_chart", {"y": "p50"}),
    "area_stacked": (samples.requests(), "area_chart", {"unit": "req/min"}),
    "bar_chart": (samples.COUNTRIES, "bar_chart", {"prefix": "€"}),
    "bar_stacked": (samples.requests(), "bar_chart", {"mode": "stacked"}),
    "bar_days": (samples.ORDERS, "bar_chart", {}),
    "pie_chart": (samples.TRAFFIC, "pie_chart", {}),
    "table": (samples.INCIDENTS, "table", {"columns": ["opened", "rule", {"name": "value", "unit": "ms"}]}),
    "metric_card": (samples.ORDERS, "metric_card", {"good": "up", "label": "orders a day"}),
    "text": (samples.RUNBOOK, "text", {}),
    "image": (samples.image(), "image", {}),
    "problem": (samples.table("n:text v:number", []), "line_chart", {}),
}


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", WIDGETS)
def test_looks_as_it_did(name: str, width: int, height: int) -> None:
    data, kind, options = WIDGETS[name]
    shown = samples.picture(data, kind, options, width, height).to_text() + "\n"  # type: ignore[arg-type]
    file = GOLDEN / f"{name}_{width}x{height}.txt"
    if os.environ.get("DATAPULSE_UPDATE_GOLDEN"):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["area_stacked", "bar_stacked", "pie_chart", "image"])
def test_without_colour_textures_tell_areas_apart(name: str) -> None:
    data, kind, options = WIDGETS[name]
    shown = samples.picture(data, kind, options, 40, 12, NONE).to_text() + "\n"  # type: ignore[arg-type]
    file = GOLDEN / f"{name}_40x12_none.txt"
    if os.environ.get("DATAPULSE_UPDATE_GOLDEN"):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")
