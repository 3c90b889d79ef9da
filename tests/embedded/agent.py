"""A client of the embedded server as a process of its own: one JSON command a line in, one JSON answer a line out.

Run as a script by whichever user a test wants, with nothing but the standard library and the launcher.
"""
# ruff: noqa: E402

from __future__ import annotations

import sys

LOADED_BEFORE = frozenset(sys.modules)  # by the interpreter and its site's own files

import json
import os
import subprocess
import time
from pathlib import Path

from datapulse_tui.data import embedded
from datapulse_tui.data.embedded.launcher import EmbeddedServer
from datapulse_tui.errors import Unavailable

held: list[EmbeddedServer] = []


def answer(verb: str, home: Path) -> dict[str, object]:
    began = time.perf_counter()
    if verb == "start":
        held.append(embedded.start(home))
        took = time.perf_counter() - began
        return {"socket_dir": str(held[-1].socket_dir), "app_url": held[-1].app_url, "took": took}
    if verb == "ensure":
        held[-1].ensure()
        return {"took": time.perf_counter() - began}
    if verb == "pin":
        held[-1].pin()
        return {}
    if verb == "release":
        held.pop().release()
        return {}
    if verb == "stop":
        return {"stopped": embedded.stop(home), "took": time.perf_counter() - began}
    if verb == "erase":
        embedded.erase(home)
        return {}
    if verb == "status":
        found = embedded.status(home)
        return {name: _plain(getattr(found, name)) for name in type(found).__slots__}
    if verb == "program":
        # A program that outlives us and knows nothing of the server.
        return {"pid": subprocess.Popen(["/bin/sleep", "600"], start_new_session=True).pid}
    if verb == "fork":
        pid = os.fork()
        if pid == 0:
            os.close(0)
            os.close(1)
            time.sleep(600)
        return {"pid": pid}
    if verb == "modules":
        return {"modules": sorted({name.partition(".")[0] for name in set(sys.modules) - LOADED_BEFORE})}
    raise ValueError(verb)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def main() -> None:
    for line in sys.stdin:
        verb, home = json.loads(line)
        try:
            reply = answer(verb, Path(home))
        except Unavailable as error:
            reply = {"error": error.message, "hint": error.hint}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
