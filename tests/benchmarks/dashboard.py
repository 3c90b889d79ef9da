"""A dashboard of 12 widgets in the real desk on a real (pseudo-)terminal, against the slowest of its queries alone.

From the key that opens it to the last byte of the last widget's picture, and how late the desk's event loop was
meanwhile; the same lateness of an idle Textual program is the machine's own noise. `immediate` is opened as soon as the
list can be used, while the desk still imports drivers, parsers and charts; `settled` a few seconds later; `again` is
the second opening in the same desk, which is what people see all day. The first two have to connect to the source, and
are compared with the query on a connection that is made for it; the last with one that is there. The slow query runs on
one core: a source is another machine as a rule, and one that took both cores of this one would leave the desk none.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.benchmarks.bench_workspace import EMAIL, TIME_RANGE, BenchWorkspace, bare_duckdb, bench_workspace
from tests.benchmarks.figures import median, p95
from tests.benchmarks.recorder import Recorder

PARALLEL = 4  # queries that the desk lets a source have at once
NAME = "Twelve"
ORDER = "by name"  # stands on the list of dashboards, and not on a dashboard
HOURS = "FROM hourly WHERE taken >= :from AND taken < :to"
FILE_HOURS = "FROM hourly"
# title, type, source, query. One query is slow: it reads and sorts the million rows.
WIDGETS = (
    (
        "Readings",
        "metric_card",
        "warehouse",
        f"SELECT taken, sum(readings) AS readings {HOURS} GROUP BY taken ORDER BY taken",
    ),
    ("Mean", "metric_card", "warehouse", f"SELECT taken, avg(value) AS value {HOURS} GROUP BY taken ORDER BY taken"),
    ("Highest", "metric_card", "warehouse", f"SELECT max(value) AS value {HOURS}"),
    ("Lowest", "metric_card", "files", f"SELECT min(value) AS value {FILE_HOURS}"),
    ("By hour", "line_chart", "warehouse", f"SELECT taken, avg(value) AS value {HOURS} GROUP BY taken ORDER BY taken"),
    ("By sensor", "line_chart", "warehouse", f"SELECT taken, sensor, value {HOURS} ORDER BY taken"),
    (
        "From a file",
        "line_chart",
        "files",
        f"SELECT taken, avg(value) AS value {FILE_HOURS} GROUP BY taken ORDER BY taken",
    ),
    (
        "Stacked",
        "area_chart",
        "warehouse",
        f"SELECT taken, sensor, value {HOURS} AND sensor < 'sensor 4' ORDER BY taken",
    ),
    ("Share", "pie_chart", "warehouse", f"SELECT sensor, sum(value) AS value {HOURS} GROUP BY sensor"),
    ("Bars", "bar_chart", "files", f"SELECT sensor, avg(value) AS value {FILE_HOURS} GROUP BY sensor ORDER BY sensor"),
    ("Latest", "table", "warehouse", f"SELECT taken, sensor, value {HOURS} ORDER BY taken DESC LIMIT 50"),
    (
        "Spread",
        "table",
        "warehouse",
        "SELECT sensor, count(*) AS n, percentile_cont(0.95) WITHIN GROUP (ORDER BY value) AS p95 "
        "FROM points WHERE taken >= :from AND taken < :to GROUP BY sensor ORDER BY sensor",
    ),
)
SETTLED = 3.0  # seconds
KINDS = ("immediate", "settled", "again")
NOISE_ROUNDS = 2
TARGET_OVER_MS = 150
TARGET_BLOCKED_MS = 50


def document() -> str:
    """The dashboard as a file: three rows of four, so that all are in view at 120x40."""
    lines = [f"name: {NAME}", f"time_range: {TIME_RANGE}", "widgets:"]
    for index, (title, kind, source, query) in enumerate(WIDGETS):
        place = f"{{x: {index % 4 * 3}, y: {index // 4 * 4}, w: 3, h: 4}}"
        lines += [
            f"  - title: {title}",
            f"    type: {kind}",
            f"    source: {source}",
            f"    query: {json.dumps(query)}",
            "    config: {}",
            f"    position: {place}",
        ]
    return "\n".join(lines) + "\n"


def is_complete(screen: str) -> bool:
    """Whether every widget stands on the screen with its picture (the list names them too, beside its order)."""
    if ORDER in screen or "loading" in screen:
        return False
    return all(f" {title} " in screen for title, *_ in WIDGETS)


@dataclass
class Opening:
    """What was measured of one kind of opening, a value a round: seconds to the last picture, lateness in seconds."""

    took: list[float] = field(default_factory=list)
    over: list[float] = field(default_factory=list)
    longest: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """Milliseconds, and whether the targets are reached."""
        over, longest = _ms(median(self.over)), _ms(median(self.longest))
        return {
            "to_last_picture_ms": _ms(median(self.took)),
            "over_slowest_query_ms": {"ours": over, "target": TARGET_OVER_MS, "reached": over <= TARGET_OVER_MS},
            "loop_blocked_ms": {
                "longest": longest,
                "longest_of_all_rounds": _ms(max(self.longest)),
                "p99": _ms(p95(self.late, share=0.99)),
                "target": TARGET_BLOCKED_MS,
                "reached": longest <= TARGET_BLOCKED_MS,
            },
        }


def measure(rounds: int) -> dict[str, object]:
    """All openings, the bare queries, and the noise of the machine, in turn."""
    openings = {kind: Opening() for kind in KINDS}
    slowest: list[float] = []
    connecting: list[float] = []
    together: list[float] = []
    noise: list[float] = []
    noisiest: list[float] = []
    with bench_workspace(document()) as workspace, tempfile.TemporaryDirectory() as folder:
        with psycopg.connect(workspace.dsn, autocommit=True) as connection:
            connection.execute("ALTER TABLE points SET (parallel_workers = 0)")
        for number in range(rounds + 1):
            if number == 1:  # the round before warmed the file cache
                openings = {kind: Opening() for kind in KINDS}
                for values in (slowest, connecting, together, noise, noisiest):
                    values.clear()
            alone, all_at_once = _bare(workspace)
            first = _connecting(workspace)
            slowest.append(alone)
            connecting.append(first)
            together.append(all_at_once)
            file = Path(folder) / "late.json"
            bare = {"immediate": first, "settled": first, "again": alone}
            for kinds, rest in ((("immediate",), 0.0), (("settled", "again"), SETTLED)):
                _open(workspace, file, [(openings[kind], bare[kind]) for kind in kinds], rest=rest)
            if number <= NOISE_ROUNDS:
                late = _idle(Path(folder) / "noise.json")
                noise += late
                noisiest.append(max(late))
    return {
        **{kind: opening.figures() for kind, opening in openings.items()},
        "slowest_query_alone_ms": _ms(median(slowest)),
        "slowest_query_and_connecting_ms": _ms(median(connecting)),
        "all_queries_bare_ms": _ms(median(together)),
        "noise_of_an_idle_program_ms": {"longest": _ms(median(noisiest)), "p99": _ms(p95(noise, share=0.99))},
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _open(workspace: BenchWorkspace, file: Path, openings: Sequence[tuple[Opening, float]], *, rest: float) -> None:
    """Start a desk, let it rest for so many seconds, and open the dashboard once for each of `openings`.

    Each comes with the seconds that its slowest query takes bare.
    """
    command = [sys.executable, "-m", "tests.benchmarks.monitored", "desk", EMAIL, str(file)]
    spans: list[tuple[Opening, float, float, float]] = []
    with Recorder(command, environment=workspace.environment, timeout=60) as terminal:
        terminal.wait("Nothing needs you")  # Today, with nothing in it
        terminal.send("2")
        terminal.wait(NAME)
        if rest:
            terminal.settle(rest)
        for opening, bare in openings:
            sent = time.perf_counter()
            terminal.send("enter")
            shown = terminal.shown(is_complete)
            spans.append((opening, bare, sent, shown))
            terminal.send("escape")
            terminal.wait(ORDER)
            terminal.settle(0.4)
    samples: list[tuple[float, float]] = json.loads(file.read_text())
    for opening, bare, sent, shown in spans:
        late = [seconds for moment, seconds in samples if sent <= moment <= shown + 0.1]
        opening.took.append(shown - sent)
        opening.over.append(shown - sent - bare)
        opening.longest.append(max(late))
        opening.late += late


def _idle(file: Path) -> list[float]:
    """How late the loop of a Textual program is that does nothing."""
    command = [sys.executable, "-m", "tests.benchmarks.monitored", "bare", "2.0", str(file)]
    with Recorder(command, timeout=60) as terminal:
        terminal.wait_exit()
    samples: list[tuple[float, float]] = json.loads(file.read_text())
    begin, end = samples[0][0] + 0.5, samples[-1][0] - 0.3  # its own start and end are no idling
    return [seconds for moment, seconds in samples if begin < moment < end]


def _bare(workspace: BenchWorkspace) -> tuple[float, float]:
    """Seconds of the slowest query alone, and of all queries with as many at once as the desk runs."""
    with ThreadPoolExecutor(PARALLEL) as threads:
        connections = [psycopg.connect(workspace.dsn, autocommit=True) for _ in range(PARALLEL)]
        duck = bare_duckdb(2, 512)
        duck.execute(f"CREATE VIEW hourly AS SELECT * FROM read_csv('{workspace.files / 'hourly.csv'}')")
        free = list(connections)

        def run(source: str, query: str) -> float:
            started = time.perf_counter()
            if source == "files":
                duck.cursor().execute(query).fetchall()
            else:
                connection = free.pop()
                connection.execute(_literal(query).encode()).fetchall()
                free.append(connection)
            return time.perf_counter() - started

        alone = max(run(source, query) for _, _, source, query in WIDGETS)
        started = time.perf_counter()
        list(threads.map(lambda widget: run(widget[2], widget[3]), WIDGETS))
        together = time.perf_counter() - started
        for connection in connections:
            connection.close()
    return alone, together


def _connecting(workspace: BenchWorkspace) -> float:
    """Seconds to connect and run the slowest query."""
    title, _, _, query = WIDGETS[-1]
    assert title == "Spread"
    started = time.perf_counter()
    with psycopg.connect(workspace.dsn, autocommit=True) as connection:
        connection.execute(_literal(query).encode()).fetchall()
        return time.perf_counter() - started


def _literal(query: str) -> str:
    """The query with the dashboard's time range in it."""
    from tests.benchmarks.bench_workspace import END, START

    return query.replace(":from", f"timestamptz '{START.isoformat()}'").replace(
        ":to", f"timestamptz '{END.isoformat()}'"
    )
