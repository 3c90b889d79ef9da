"""From a cold process to the first paint and to a usable list, against harlequin and a bare Textual program.

Both programs run from environments whose bytecode is compiled (pip does that at install). First paint is the first
character on the screen; usable is the text that a person waits for; memory is PSS once the screen is still.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.demo_desk import COMMAND, PERSON, demo_desk
from tests.benchmarks.figures import against, median
from tests.terminal import Terminal

BENCH = Path(__file__).resolve().parents[2] / ".bench"
BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("ready")

Bare().run()
"""


@dataclass
class Starts:
    """What was measured of one program, a value a round: seconds, seconds, MiB."""

    first_paint: list[float] = field(default_factory=list)
    usable: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def add(self, command: Sequence[str], usable: str, environment: Mapping[str, str]) -> None:
        """Start `command` once."""
        with Terminal(command, environment=environment, timeout=60) as terminal:
            while not terminal.text().strip():
                terminal.pump(0.005)
            self.first_paint.append(terminal.last_byte - terminal.started)
            self.usable.append(terminal.wait(usable))
            terminal.settle(0.5)
            self.memory.append(terminal.pss_mib())


def harlequin() -> str:
    """The harlequin command, installed into an environment of its own on first use."""
    folder = BENCH / "harlequin"
    command = folder / "bin" / "harlequin"
    if not command.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "harlequin"], check=True)
    return str(command)


def measure(rounds: int) -> dict[str, object]:
    """Ratios to harlequin, and the bare program beside them."""
    ours, theirs, bare = Starts(), Starts(), Starts()
    yardstick = harlequin()
    with demo_desk() as environment:
        for round_number in range(rounds + 1):
            if round_number == 1:  # the first round warms the file cache for everybody and is thrown away
                ours, theirs, bare = Starts(), Starts(), Starts()
            ours.add([COMMAND, "demo", "--as", PERSON], "Database health", environment)
            theirs.add([yardstick], "Run Query", environment)
            bare.add([sys.executable, "-c", BARE], "ready", environment)
    return {
        "first_paint_s": against(ours.first_paint, theirs.first_paint, 0.5),
        "usable_s": against(ours.usable, theirs.usable, 0.6),
        "memory_mib": against(ours.memory, theirs.memory, 0.7, 1),
        "bare_textual": {"first_paint_s": median(bare.first_paint), "memory_mib": median(bare.memory, 1)},
    }
