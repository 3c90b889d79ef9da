"""A demo workspace for the benchmarks: set up once a run, its server held up by this process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from datapulse_tui.data.embedded import erase, start
from datapulse_tui.demo import cast

PERSON = cast.DEFAULT_EMAIL
COMMAND = str(Path(sys.executable).parent / "datapulse")


@contextlib.contextmanager
def demo_desk() -> Iterator[dict[str, str]]:
    """The environment in which `datapulse demo` finds a workspace that is there and a server that runs."""
    with tempfile.TemporaryDirectory(prefix="dp-bench-") as folder:
        environment = {"DATAPULSE_HOME": folder, "DATAPULSE_CONFIG": str(Path(folder) / "config.toml")}
        settings = {**os.environ, **environment}
        subprocess.run([COMMAND, "demo", "--headless"], env=settings, check=True, stdout=subprocess.DEVNULL)
        home = Path(folder) / "demo"
        server = start(home)
        try:
            yield environment
        finally:
            server.release()
            erase(home)  # its data may lie outside the folder (a server that root starts)
