"""A desk, or a bare Textual program, that measures how late its own event loop is. Run in a terminal of its own.

`python -m tests.benchmarks.monitored desk EMAIL FILE` stays until it is ended; `... bare SECONDS FILE` ends by itself.
FILE then holds a JSON list of [moment, seconds late]; the moment is that of `time.perf_counter`, which all processes of
a machine share.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import Static

from datapulse_tui.tui.app import DataPulseApp
from datapulse_tui.tui.services import Services

EVERY = 0.005  # seconds


class Monitor:
    """Asks the event loop for a call every few milliseconds and notes how late each one came."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float]] = []
        self._due = 0.0

    def start(self) -> None:
        """Begin, on the running loop."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + EVERY
        loop.call_at(self._due, self._called)

    def _called(self) -> None:
        self.samples.append((time.perf_counter(), asyncio.get_running_loop().time() - self._due))
        self.start()


class QuietServices(Services):
    """A desk without a worker process, which would only take part of the machine."""

    async def keep_company(self) -> None:
        return

    async def worker_words(self) -> str:
        return ""


class MonitoredDesk(DataPulseApp):
    """The desk as it is, and the monitor."""

    monitor = Monitor()

    def on_mount(self) -> None:  # Textual calls the one of the desk as well
        self.monitor.start()


class BareApp(App[None]):
    """Nothing but Textual, for the monitor's own noise."""

    monitor = Monitor()

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def compose(self) -> ComposeResult:
        yield Static("ready")

    def on_mount(self) -> None:
        self.monitor.start()
        self.set_timer(self.seconds, self.exit)


def main() -> None:
    kind, argument, file = sys.argv[1:]
    if kind == "desk":
        gc.disable()  # as `datapulse` starts; the desk turns it on again
    app = MonitoredDesk(QuietServices(as_email=argument)) if kind == "desk" else BareApp(float(argument))
    app.run()
    Path(file).write_text(json.dumps(app.monitor.samples))


if __name__ == "__main__":
    main()
