"""The process beside a demo desk that samples the database: started by the desk, ends with it, however the desk ends.

`python -m datapulse_tui.demo.companion HOME` reads its two addresses from its standard input and stays until that is
closed, which happens when the desk closes it or is killed. Of several desks' companions one works; the others wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from datapulse_tui.config_files import inherited
from datapulse_tui.data.embedded import locks

if TYPE_CHECKING:
    from datapulse_tui.data.connect import Connection

_NICENESS = 5  # the desk comes first
_TAKE_OVER = 2.0  # seconds between two looks whether the companion that works has gone
_PATIENCE = 5.0  # seconds that the desk waits for its companion's end


class Companion:
    """A desk's hold on its companion."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    async def stop(self) -> None:
        """End it; a companion that does not end by itself is killed."""

        def end() -> None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

        await asyncio.to_thread(end)


async def start_companion(connection: Connection) -> Companion:
    """Start sampling the demo that is open on `connection`; keep the answer and `stop` it when the desk closes."""
    return Companion(await asyncio.to_thread(_spawn, connection))


def _spawn(connection: Connection) -> subprocess.Popen[bytes]:
    home = connection.settings.home
    log = home / "log"
    log.mkdir(mode=0o700, exist_ok=True)
    package = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH")
    with (log / "demo.err").open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - a command of ours
            [sys.executable, "-P", "-m", __name__, str(home)],
            env=inherited(os.environ) | {"PYTHONPATH": f"{package}{os.pathsep}{before}" if before else package},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    words = {"monitor": connection.addresses.monitor, "owner": connection.addresses.owner}
    with contextlib.suppress(BrokenPipeError):  # it died at once, and left its reason in the file
        if process.stdin is not None:
            process.stdin.write(json.dumps(words).encode() + b"\n")
            process.stdin.flush()
    return process


def main(home: Path) -> None:
    """Wait until it is our turn, then sample until the desk has gone."""
    os.nice(_NICENESS)
    words = json.loads(sys.stdin.readline() or "{}")
    if not words:
        return
    gone = threading.Event()
    threading.Thread(target=_wait_for_end, args=(gone,), daemon=True).start()
    while (lock := locks.take(home / "demo.lock", shared=False)) is None:
        if gone.wait(_TAKE_OVER):
            return
    asyncio.run(_sample(words["monitor"], words["owner"], home, gone))
    os.close(lock)


def _wait_for_end(gone: threading.Event) -> None:
    sys.stdin.read()
    gone.set()


async def _sample(monitor: str, owner: str, home: Path, gone: threading.Event) -> None:
    # Only the companion that works imports the driver.
    from datapulse_tui.demo.sampler import sample_forever
    from datapulse_tui.demo.tables import demo_url
    from datapulse_tui.demo.workspace import sample_folder

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell() -> None:
        gone.wait()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=tell, daemon=True).start()
    await sample_forever(monitor, demo_url(owner), sample_folder(home), stop)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
