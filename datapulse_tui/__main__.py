"""Entry point of `datapulse`. Imports almost nothing, so that the desk's first paint waits for nothing."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the program; returns its exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from datapulse_tui import __version__

        sys.stdout.write(f"datapulse {__version__}\n")
        return 0
    if not arguments:
        # Opening the desk needs no command-line parser, which would cost a fifth of the time to the first paint; nor
        # a look for garbage before there is any: the desk starts the collector after its first paint.
        import gc

        gc.disable()
        from datapulse_tui.tui.app import run_desk

        return run_desk()
    from datapulse_tui.cli.main import app

    app(prog_name="datapulse")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
