"""The file that a purge leaves: the records and seals that were removed, in a form that proves itself.

One line each: a heading, then for every seal its records in their canonical form (what is hashed, byte for byte) and
behind them the seal, and an end. A line that begins with `[` is a record, one that begins with `{` is anything else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from datapulse_tui.audit import chain
from datapulse_tui.audit.chain import Seal
from datapulse_tui.errors import Invalid

FORMAT = "datapulse-audit"
VERSION = 1
LONGEST_LINE = 64 * 1024 * 1024  # bytes; more is no file of ours


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What an exported file holds, as far as it was read.

    It goes on from the seal `base_seal` with `base_hash`, and holds `records` in `seals` up to `last_seal` with
    `last_hash` (hex), all from before `before`. `problem` says in words what does not match.
    """

    records: int
    seals: int
    base_seal: int
    base_hash: str
    last_seal: int
    last_hash: str
    before: str
    problem: str = ""

    @property
    def intact(self) -> bool:
        """Whether everything matches."""
        return not self.problem


def member(text: bytes) -> bytes:
    """What a seal keeps of the record with this canonical form: its number and the hash of the form."""
    return int(text[1 : text.index(b",")]).to_bytes(8, "big", signed=True) + hashlib.sha256(text).digest()


class Writer:
    """Writes the file, line by line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of everything that was written (hex)."""
        return self._hash.hexdigest()

    def heading(self, *, seal: int, digest: bytes, before: datetime, by: str) -> None:
        """The first line: behind which seal this begins, and what it holds."""
        self._object(
            format=FORMAT, version=VERSION, base={"seal": seal, "hash": digest.hex()}, before=before.isoformat(), by=by
        )

    def record(self, text: bytes) -> None:
        """A record in its canonical form."""
        self._line(text)

    def seal(self, seal: Seal, members: bytes, digest: bytes) -> None:
        """A seal, behind its records."""
        self._object(
            seal=seal.id,
            epoch=seal.epoch.isoformat(),
            begins=seal.start,
            ends=seal.end,
            records=seal.records,
            created_at=seal.created_at.isoformat(),
            members=base64.b64encode(members).decode(),
            hash=digest.hex(),
        )

    def end(self, *, seal: int, digest: bytes, records: int) -> None:
        """The last line."""
        self._object(end={"seal": seal, "hash": digest.hex(), "records": records})

    def _object(self, **parts: object) -> None:
        self._line(json.dumps(parts, separators=(",", ":")).encode())

    def _line(self, text: bytes) -> None:
        for part in (text, b"\n"):
            self._file.write(part)
            self._hash.update(part)


def check(path: Path, progress: Callable[[int], None] | None = None) -> FileVerdict:
    """Recompute the chain in the file; memory is bounded by a seal. `progress` is called with the records so far.

    Raises Invalid for what is no export of the trail, OSError for a file that cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _Reader(file, progress).run()
        except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise _not_ours(path) from error


class _Reader:
    """One walk through a file."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None] | None) -> None:
        self._lines = _lines(file)
        self._progress = progress
        self._records = 0
        self._seals = 0

    def run(self) -> FileVerdict:
        heading = json.loads(next(self._lines, b""))
        if heading["format"] != FORMAT or heading["version"] != VERSION:
            raise ValueError(FORMAT)
        base = heading["base"]
        self._seal, self._hash = int(base["seal"]), bytes.fromhex(base["hash"])
        problem = self._walk()
        return FileVerdict(
            records=self._records,
            seals=self._seals,
            base_seal=base["seal"],
            base_hash=base["hash"],
            last_seal=self._seal,
            last_hash=self._hash.hex(),
            before=str(heading["before"]),
            problem=problem,
        )

    def _walk(self) -> str:
        members: list[bytes] = []
        for line in self._lines:
            if line.startswith(b"["):
                members.append(member(line))
                continue
            found = json.loads(line)
            if "end" in found:
                return self._end(found["end"], members)
            problem = self._next(found, members)
            if problem:
                return problem
            members = []
            if self._progress is not None:
                self._progress(self._records)
        return f"The file ends in the middle, after seal {self._seal}."

    def _next(self, found: dict[str, Any], members: list[bytes]) -> str:
        """Compare one seal with the chain so far and with its records; what is wrong, in words."""
        epoch, created_at = (datetime.fromisoformat(found[name]) for name in ("epoch", "created_at"))
        (from_xid, from_seq), (to_xid, to_seq) = found["begins"], found["ends"]
        seal = Seal(found["seal"], epoch, from_xid, from_seq, to_xid, to_seq, found["records"], created_at)
        if seal.id != self._seal + 1:
            return f"Seal {self._seal + 1} was removed."
        stored, listed = bytes.fromhex(found["hash"]), base64.b64decode(found["members"])
        if seal.hash(self._hash, listed) != stored:
            return f"Seal {seal.id} was altered."
        problem = _compared(seal.id, chain.split_members(listed), chain.split_members(b"".join(members)))
        if not problem:
            self._seal, self._hash = seal.id, stored
            self._seals += 1
            self._records += seal.records
        return problem

    def _end(self, end: dict[str, Any], members: list[bytes]) -> str:
        if members or next(self._lines, None) is not None:
            return f"Something was put in behind seal {self._seal}."
        if (end["seal"], end["hash"], end["records"]) != (self._seal, self._hash.hex(), self._records):
            return f"The end of the file was altered, or seals behind {self._seal} were removed."
        return ""


def _compared(seal: int, listed: list[tuple[int, bytes]], now: list[tuple[int, bytes]]) -> str:
    """The first record that is not what the seal lists, in words; empty where all are."""
    if listed == now:
        return ""
    known, there = dict(listed), dict(now)
    for seq, digest in listed:
        if seq not in there:
            return f"Record {seq} of seal {seal} was removed."
        if there[seq] != digest:
            return f"Record {seq} of seal {seal} was altered."
    strange = next((seq for seq, _ in now if seq not in known), None)
    return (
        f"Record {strange} was put into seal {seal}."
        if strange
        else f"The records of seal {seal} stand in another order."
    )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines. A last one that was cut is none: then the end is missing, which is told."""
    while (line := file.readline(LONGEST_LINE)).endswith(b"\n"):
        yield line[:-1]


def _not_ours(path: Path) -> Invalid:
    return Invalid(
        f"{path.name} is not an export of the audit trail, or was altered beyond reading.",
        hint="`datapulse audit purge` writes such files.",
    )
