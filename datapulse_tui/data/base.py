"""The ground that every table stands on: metadata, naming, common columns and validated JSONB."""

from __future__ import annotations

import functools
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from sqlalchemy import CheckConstraint, DateTime, MetaData, String, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Base", "CreatedAt", "Key", "Shape", "Timestamps", "UpdatedAt", "choice"]

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}


class Base(DeclarativeBase):
    """Base of every model; its metadata is what migrations are compared with."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True), uuid.UUID: Uuid(), str: String()}  # noqa: RUF012


Key = Annotated[uuid.UUID, mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]
UpdatedAt = Annotated[datetime, mapped_column(server_default=func.now(), onupdate=func.now())]


class Timestamps:
    """`created_at` and `updated_at`, the second kept by the data layer on every update."""

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


def choice(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """An enumeration: a CHECK, so that a later migration can add a value without a long lock."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


@functools.cache
def _adapter(shape: str) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    from datapulse_tui.data.models import shapes

    return TypeAdapter(getattr(shapes, shape))


class Shape(TypeDecorator[Any]):
    """JSONB whose values are validated by the type of that name in `models/shapes.py` on the way in.

    Values come out as plain JSON (dict, list). Raises pydantic.ValidationError before anything is sent.
    """

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def __init__(self, shape: str) -> None:
        super().__init__()
        self.shape = shape

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        if value is None:
            return None
        adapter = _adapter(self.shape)
        return adapter.dump_python(adapter.validate_python(value), mode="json", exclude_unset=True)
