"""PostgreSQL's types as Python values and as kinds of column.

Numbers, booleans, dates and times are loaded as such; everything else (JSON, arrays, intervals, ranges, enumerations,
bytes, ...) stays the text that the server wrote, which loses nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from psycopg import adapters as default_adapters
from psycopg import postgres
from psycopg.abc import AdaptContext, Buffer
from psycopg.abc import Loader as LoaderProtocol
from psycopg.adapt import AdaptersMap, Loader
from psycopg.errors import DataError
from psycopg.pq import Format
from psycopg.types.string import TextLoader

from datapulse_tui.data.result import Column, ColumnKind

_KINDS: dict[str, ColumnKind] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid", "float4", "float8", "numeric"), ColumnKind.NUMBER),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "char", "uuid", "inet", "cidr"), ColumnKind.TEXT),
    "bool": ColumnKind.BOOLEAN,
    "date": ColumnKind.DATE,
    "timestamp": ColumnKind.TIME,
    "timestamptz": ColumnKind.TIME,
}
_LOADED = ("int2", "int4", "int8", "oid", "float4", "float8", "numeric", "bool")
_TIMES = ("date", "timestamp", "timestamptz")
# pg_type.typcategory of types that are not built in: E enumeration, S string (citext)
_CATEGORIES = {"E": ColumnKind.TEXT, "S": ColumnKind.TEXT}


def _tolerant(oid: int) -> type[Loader]:
    """A loader of times that leaves what Python cannot hold (infinity, BC, year 10000) as the server's text."""
    found = default_adapters.get_loader(oid, Format.TEXT)
    if found is None:
        raise LookupError(oid)
    exact: type[LoaderProtocol] = found

    class Tolerant(Loader):
        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._exact = exact(oid, context)

        def load(self, data: Buffer) -> object:
            try:
                return self._exact.load(data)
            except DataError:
                return bytes(data).decode()

    return Tolerant


@functools.cache
def value_adapters() -> AdaptersMap:
    """How values of a source are loaded; made once for all connections."""
    result = AdaptersMap(default_adapters)
    for info in postgres.types:
        if info.name in _TIMES:
            result.register_loader(info.oid, _tolerant(info.oid))
        elif info.name not in _LOADED:
            result.register_loader(info.oid, TextLoader)
        if info.array_oid:
            result.register_loader(info.array_oid, TextLoader)
    return result


def builtin_column(name: str, oid: int) -> Column | None:
    """The column for a built-in type; None for a type of the source's own."""
    info = postgres.types.get(oid)
    if info is None:
        return None
    if info.array_oid == oid:
        return Column(name, ColumnKind.OTHER, f"{info.name}[]")
    return Column(name, _KINDS.get(info.name, ColumnKind.OTHER), info.name)


def own_column(name: str, oid: int, own: Mapping[int, tuple[str, str]]) -> Column:
    """The column for a type of the source's own; `own` holds (name, typcategory) by oid."""
    native, category = own.get(oid, ("", ""))
    return Column(name, _CATEGORIES.get(category, ColumnKind.OTHER), native)


def catalogue_kind(base: str, category: str) -> ColumnKind:
    """The kind of a table's column by the name of its (base) type and its category in the catalogue."""
    return _KINDS.get(base) or _CATEGORIES.get(category, ColumnKind.OTHER)
