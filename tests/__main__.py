"""`python -m tests`: everything that must hold before a change lands, in the order of how soon it tells.

Arguments go to pytest, so that `python -m tests tests/charts -k pie` checks one room.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))


def steps(pytest_arguments: list[str]) -> list[tuple[str, list[str]]]:
    """The checks by name, as commands."""
    python = sys.executable
    # Four processes on two cores: tests wait for servers, workers and screens more than they compute.
    return [
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("lint", [python, "-m", "ruff", "check", "."]),
        ("types", [python, "-m", "mypy"]),
        ("imports", [str(SCRIPTS / "lint-imports")]),
        # Once, ahead of four processes that would each do it, and of all that they start.
        ("compile", [python, "-m", "compileall", "-q", "-j", "0", "datapulse_tui", "migrations"]),
        ("tests", [python, "-m", "pytest", "-q", "-n", "4", "--dist", "worksteal", *pytest_arguments]),
    ]


def main() -> int:
    """Run every step, also after one failed; 0 when all are well."""
    failed = []
    # Where no bytecode is kept, every process that a test starts compiles the program before it runs it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for name, command in steps(sys.argv[1:]):
        started = time.monotonic()
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
            failed.append(name)
        sys.stdout.write(f"== {name}: {time.monotonic() - started:.0f} s\n")
    sys.stdout.write(f"failed: {', '.join(failed)}\n" if failed else "all checks passed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
