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
    match arguments:
        # Opening a desk needs no command-line parser, which would cost a fifth of the time to the first paint.
        case []:
            return _open_desk()
        case ["demo"]:
            return _open_desk(demo=True)
        case ["demo", "--as", email]:
            return _open_desk(demo=True, as_email=email)
    from datapulse_tui.cli.main import app

    app(prog_name="datapulse")
    return 0


def _open_desk(*, demo: bool = False, as_email: str | None = None) -> int:
    import gc

    # Nor a look for garbage before there is any: the desk starts the collector when its first list stands.
    gc.disable()
    from datapulse_tui.tui.app import run_desk

    if demo and as_email is None:
        from datapulse_tui.demo.cast import DEFAULT_EMAIL

        return run_desk(demo=True, as_email=DEFAULT_EMAIL)
    return run_desk(demo=demo, as_email=as_email)


if __name__ == "__main__":
    raise SystemExit(main())
