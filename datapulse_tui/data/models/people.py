"""Users, departments, profiles, roles, API keys and what sign-in remembers."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from datapulse_tui.data.base import Base, CreatedAt, Key, Shape, Timestamps, UpdatedAt, choice

USER_ROLES = ("business_user", "analyst", "ops_manager", "admin")
USER_STATUSES = ("active", "inactive", "pending")


class Department(Timestamps, Base):
    """A part of the organisation; `head_id` is who leads it."""

    __tablename__ = "departments"
    __table_args__ = (UniqueConstraint("name", name="departments_name_idx"),)

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(Text)
    head_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL", use_alter=True, name="departments_head_id_fkey")
    )


class User(Timestamps, Base):
    """A person. `password` is a bcrypt hash, or `!` for an invited person who has none yet."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email", name="users_email_idx"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        choice("role", USER_ROLES),
        choice("status", USER_STATUSES),
        Index("users_role_idx", "role"),
        Index("users_department_idx", "department_id"),
        Index("users_status_idx", "status"),
        # Also carries what the list of people is filtered by, so that its rows need not be read.
        Index(
            "users_name_order_idx",
            "name",
            "id",
            text("lower(name)"),
            postgresql_include=["email", "role", "status", "department_id"],
        ),
        Index("users_created_order_idx", "created_at", "id"),
        Index("users_last_login_order_idx", text("coalesce(last_login, '-infinity'::timestamptz)"), "id"),
    )

    id: Mapped[Key]
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(20), server_default="business_user")
    department_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("departments.id", ondelete="SET NULL"))
    phone: Mapped[str | None] = mapped_column(String(50))
    timezone: Mapped[str | None] = mapped_column(String(50), server_default="UTC")
    status: Mapped[str] = mapped_column(String(20), server_default="pending")
    last_login: Mapped[datetime | None]
    must_change_password: Mapped[bool] = mapped_column(server_default=text("false"))
    password_changed_at: Mapped[datetime | None]
    deactivated_at: Mapped[datetime | None]


class Profile(Timestamps, Base):
    """What a person shows of themselves; one for each user."""

    __tablename__ = "profiles"
    __table_args__ = (UniqueConstraint("user_id", name="profiles_user_id_idx"),)

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    avatar: Mapped[str | None] = mapped_column(String(255))
    bio: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(String(50))


class Role(Base):
    """A custom role: permissions on top of the four built-in roles."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("name", name="roles_name_idx"),)

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(50))
    description: Mapped[str | None] = mapped_column(Text)
    permissions: Mapped[list[str]] = mapped_column(Shape("Permissions"), server_default=text("'[]'"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class UserRole(Base):
    """Who has which custom role."""

    __tablename__ = "user_roles"
    __table_args__ = (Index("user_roles_role_id_idx", "role_id"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    assigned_at: Mapped[CreatedAt]
    assigned_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class ApiKey(Base):
    """A key for scripts; only its HMAC is kept, and the first characters (`prefix`) by which people know it.

    `replaces_id` is the key that this one was made to replace; both are good until the old one ends.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("key_hash", name="api_keys_key_hash_idx"),
        Index("api_keys_user_id_idx", "user_id"),
        CheckConstraint(
            "expires_at IS NOT NULL AND expires_at > created_at AND expires_at <= created_at + interval '366 days'",
            name="expiry",
        ),
    )

    id: Mapped[Key]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    key_hash: Mapped[str] = mapped_column(String(255))
    permissions: Mapped[list[str]] = mapped_column(Shape("Permissions"), server_default=text("'[]'"))
    expires_at: Mapped[datetime | None]
    last_used: Mapped[datetime | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[CreatedAt]
    prefix: Mapped[str | None] = mapped_column(String(12))
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_keys.id", ondelete="SET NULL"))
    last_used_from: Mapped[str | None] = mapped_column(String(50))


class SignInAttempt(Base):
    """A failed sign-in, by address: what the delay rule counts, whether the address is known or not."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index("sign_in_attempts_email_idx", "email", "created_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    email: Mapped[str] = mapped_column(String(255))
    ip_address: Mapped[str | None] = mapped_column(String(50))
    created_at: Mapped[CreatedAt]


class UserPreference(Base):
    """What a person likes: theme, stars, pins; one row a key."""

    __tablename__ = "user_preferences"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
