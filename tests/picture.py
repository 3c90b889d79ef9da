"""`python -m tests.picture`: draw the README's picture from the demo's desk, as it looks at 120x40."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path

from datapulse_tui.data.addresses import embedded_server
from datapulse_tui.data.embedded import erase
from datapulse_tui.demo.cast import DEFAULT_EMAIL
from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.services import Services
from datapulse_tui.tui.widgets.card import Card

PICTURE = Path(__file__).resolve().parents[1] / ".github" / "desk.svg"
DASHBOARD = "Service latency"
PLACE = "~/.local/share/datapulse/demo"


async def draw(home: Path) -> str:
    """The SVG of the dashboard once all its widgets are drawn."""
    app = DataPulseApp(Services(home=home, demo=True, as_email=DEFAULT_EMAIL))
    async with app.run_test(size=(120, 40)) as pilot:

        async def until(text: str, *, gone: bool = False) -> None:
            while (text in shown()) == gone:
                await pilot.pause(0.05)

        def shown() -> str:
            return re.sub(r"&#160;", " ", app.export_screenshot())

        await until("Pinned metrics")
        await pilot.press("2")
        await until(DASHBOARD)
        await pilot.press("end")
        await pilot.press("enter")
        while not app.screen.query(Card):
            await pilot.pause(0.05)
        await until("loading", gone=True)
        while app.status.database != "live":
            await pilot.pause(0.05)
        await pilot.press("R")  # the first run of each query waits for drivers and parsers
        while any(card.running for card in app.screen.query(Card)):
            await pilot.pause(0.05)
        await pilot.pause(0.5)
        svg = app.export_screenshot(title="DataPulse")
        await app.services.close()
    # No fonts from elsewhere (the reader's own monospace font does), and nobody's temporary folder.
    svg = re.sub(r"<!--.*?-->|@font-face\s*{[^}]*}", "", svg, flags=re.DOTALL)
    place = str(home / "demo")
    return svg.replace(place, PLACE.ljust(len(place), "\N{NO-BREAK SPACE}"))


def main() -> None:
    """Make a demo of its own, draw it, remove it."""
    with tempfile.TemporaryDirectory(prefix="datapulse-picture-") as folder:
        home = Path(folder)
        svg = asyncio.run(draw(home))
        embedded_server(home / "demo").release()
        erase(home / "demo")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg)


if __name__ == "__main__":
    main()
