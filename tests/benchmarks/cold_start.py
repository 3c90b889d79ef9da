"""From a cold process to the first paint and to a usable list, against harlequin and a bare Textual program.

Both programs run from environments whose bytecode is compiled (pip does that at install). First paint is the first
character on the screen; usable is the text that a person waits for: Today with its rows, and then the list of
dashboards for whoever pressed 2 as soon as Today was there; memory is PSS once the screen is still.
"""

from __future__ import annotations

import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.demo_desk import COMMAND, PERSON, demo_desk
from tests.benchmarks.figures import against, median
from tests.benchmarks.recorder import Recorder

BENCH = Path(__file__).resolve().parents[2] / ".bench"
REST = 6.0  # seconds
PAUSE = 2.0  # seconds before each start: the program before it has children that end after it
TODAY = "Pinned metrics"  # the heading of rows that everybody's Today has in the demo
LIST = "Database health"
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
    """What was measured of one program, a value a round: seconds, seconds, seconds, MiB."""

    first_paint: list[float] = field(default_factory=list)
    usable: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    dashboards: list[float] = field(default_factory=list)

    def add(self, command: Sequence[str], usable: str, environment: Mapping[str, str]) -> None:
        """Start `command` once."""
        time.sleep(PAUSE)
        with Recorder(command, environment=environment, timeout=60) as terminal:
            self.first_paint.append(terminal.shown(lambda screen: bool(screen.strip()), 0.2) - terminal.started)
            self.usable.append(terminal.shown(lambda screen: usable in screen, 0.2) - terminal.started)
            terminal.settle(0.5)
            self.memory.append(terminal.pss_mib())

    def add_list(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start `command` once and go on to the list of dashboards: the start, and then what the key took."""
        time.sleep(PAUSE)
        with Recorder(command, environment=environment, timeout=60) as terminal:
            today = terminal.shown(lambda screen: TODAY in screen, 0.05) - terminal.started
            pressed = time.perf_counter()
            terminal.send("2")
            self.dashboards.append(today + terminal.shown(lambda screen: LIST in screen, 0.2) - pressed)


def _at_rest(ours: Sequence[str], theirs: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    """MiB once everything that starts late has started: PSS, what is not shared, and PSS with child processes."""
    with (
        Recorder(ours, environment=environment) as desk,
        Recorder(theirs, environment=environment) as other,
    ):
        for terminal in (desk, other):
            terminal.wait_until(REST)
        started = [path.read_text().split() for path in Path(f"/proc/{desk.pid}/task").glob("*/children")]
        family = desk.pss_mib() + sum(_mib(int(child), "Pss:") for children in started for child in children)
        return {
            "ours": round(desk.pss_mib(), 1),
            "theirs": round(other.pss_mib(), 1),
            "ours_unshared": round(_mib(desk.pid, "Private_Clean:", "Private_Dirty:"), 1),
            "theirs_unshared": round(_mib(other.pid, "Private_Clean:", "Private_Dirty:"), 1),
            "ours_with_children": round(family, 1),
        }


def _mib(pid: int, *names: str) -> float:
    """The sum of these lines of a process's memory."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(names)) / 1024


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
    command = [COMMAND, "demo", "--as", PERSON]
    with demo_desk() as environment:
        for round_number in range(rounds + 1):
            if round_number == 1:  # the first round warms the file cache for everybody and is thrown away
                ours, theirs, bare = Starts(), Starts(), Starts()
            ours.add(command, TODAY, environment)
            ours.add_list(command, environment)
            theirs.add([yardstick], "Run Query", environment)
            bare.add([sys.executable, "-c", BARE], "ready", environment)
        at_rest = _at_rest(command, [yardstick], environment)
    return {
        "first_paint_s": against(ours.first_paint, theirs.first_paint, 0.5),
        "usable_s": against(ours.usable, theirs.usable, 0.6),
        "list_of_dashboards_s": against(ours.dashboards, theirs.usable, 0.6),
        "memory_mib": against(ours.memory, theirs.memory, 0.7, 1),
        "memory_at_rest_mib": at_rest,
        "bare_textual": {"first_paint_s": median(bare.first_paint), "memory_mib": median(bare.memory, 1)},
    }
