"""`python -m tests.benchmarks [NAME ...] [--rounds N] [--output FILE]`: measure, print JSON, compare with the targets.

Each benchmark measures its yardstick in the same run, one round of ours and one of theirs in turn, so that a busy
machine slows both. The exit code is 0 whatever the figures are: they are for people to read.
"""

from __future__ import annotations

import argparse
import compileall
import importlib
import json
import platform
import sys
import time
from pathlib import Path

import datapulse_tui

NAMES = (
    "cold_start", "dashboard", "series", "csv_scan", "keys", "inbox", "deliveries", "evaluation", "approvals", "people",
    "audit", "audit_verify", "audit_writers", "breach_to_mail", "heard",
)  # fmt: skip


def main() -> int:
    """Run the named benchmarks (default: all) and print one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; default: all")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each measurement; the median is reported")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    # As pip does at install: what is measured beside it was installed so, and this may be a checkout that never was.
    compileall.compile_dir(Path(datapulse_tui.__file__).parent, quiet=1)
    figures: dict[str, object] = {"python": platform.python_version(), "rounds": options.rounds}
    for name in options.names or NAMES:
        started = time.monotonic()
        sys.stderr.write(f"{name} ...\n")
        figures[name] = importlib.import_module(f"tests.benchmarks.{name}").measure(options.rounds)
        sys.stderr.write(f"{name}: {time.monotonic() - started:.0f} s\n")
    text = json.dumps(figures, indent=2)
    sys.stdout.write(text + "\n")
    if options.output:
        options.output.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
