"""What may be imported where, proved in processes of their own: import-linter reads the code, these run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import datapulse_tui

PACKAGE = Path(datapulse_tui.__file__).parent
MODULES = sorted(
    ".".join(("datapulse_tui", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)


def loaded_after(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after `statement`."""
    program = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_nothing_outside_the_desk_imports_textual() -> None:
    modules = [name for name in MODULES if ".tui" not in name]
    loaded = loaded_after("import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in modules))
    assert "sqlalchemy" in loaded
    assert "textual" not in loaded


def test_the_version_needs_neither_database_nor_screen() -> None:
    statement = (
        "import sys; sys.argv = ['datapulse', '--version']\n"
        "from datapulse_tui.__main__ import main; assert main() == 0; print(file=sys.stdout)"
    )
    program = f"{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    version, *_, loaded = done.stdout.strip().splitlines()
    assert version == f"datapulse {datapulse_tui.__version__}"
    assert {"sqlalchemy", "textual", "psycopg", "pydantic", "typer"}.isdisjoint(loaded.split())


@pytest.mark.parametrize("module", [name for name in MODULES if name.endswith(".rules") and ".tui." not in name])
def test_rules_know_no_database_screen_or_network(module: str) -> None:
    assert {"sqlalchemy", "psycopg", "textual", "httpx", "aiohttp"}.isdisjoint(loaded_after(f"import {module}"))


def test_the_first_paint_waits_for_no_heavy_module() -> None:
    heavy = {"sqlalchemy", "psycopg", "pydantic", "alembic", "procrastinate", "duckdb", "sqlglot", "httpx", "aiohttp",
             "cryptography", "bcrypt", "PIL", "ruamel", "typer"}  # fmt: skip
    assert heavy.isdisjoint(loaded_after("import datapulse_tui.tui.app"))


def test_charts_know_no_screen_database_or_network() -> None:
    modules = [name for name in MODULES if name.startswith("datapulse_tui.charts")]
    loaded = loaded_after("\n".join(f"import {name}" for name in modules))
    assert {"textual", "sqlalchemy", "psycopg", "httpx", "aiohttp", "duckdb"}.isdisjoint(loaded)


@pytest.mark.parametrize(
    "after", [0.0, 0.05, *(pytest.param(after, marks=pytest.mark.soak) for after in (0.01, 0.02, 0.03, 0.08, 0.12))]
)
@pytest.mark.parametrize(
    "module", ["datapulse_tui.data.migrate", "datapulse_tui.data.engine", "datapulse_tui.data.models"]
)
def test_two_threads_may_import_the_database_library_at_once(module: str, after: float) -> None:
    """The desk imports ahead in a thread; another may come to need SQLAlchemy at any moment of that."""
    program = f"""
import importlib, threading, time
failures = []
def go(name, wait):
    time.sleep(wait)
    try:
        importlib.import_module(name)
    except BaseException as error:
        failures.append(f"{{name}}: {{error!r}}")
threads = [threading.Thread(target=go, args=each) for each in (("sqlalchemy", 0), ({module!r}, {after}))]
for each in threads: each.start()
for each in threads: each.join()
assert not failures, failures
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
