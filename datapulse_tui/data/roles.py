"""Roles and database on a shared server, made by its administrator once: an owner for the schema, and an application
role that can neither change it nor the audit trail.

Works for an administrator who is no superuser (CREATEROLE, and CREATEDB where the database is to be made), as managed
services have them. Everything may be run again: what is there and right stays as it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from datapulse_tui.data.address import libpq_arguments, shown
from datapulse_tui.data.glance import unavailable
from datapulse_tui.errors import Conflict, Invalid, NotAllowed, Unavailable

if TYPE_CHECKING:
    import psycopg

NAME = "datapulse init-roles"
OWNER, APPLICATION, DATABASE = "datapulse_owner", "datapulse_app", "datapulse"
LOCK = 7_238_401_156_203  # two at a time would make half of it each
OLDEST_SERVER = 15
PASSWORD_BYTES = 24

# Rights that neither role needs, and the word that takes each away. The first three only a superuser can take.
_POWERS = (
    ("rolsuper", "NOSUPERUSER"),
    ("rolreplication", "NOREPLICATION"),
    ("rolbypassrls", "NOBYPASSRLS"),
    ("rolcreatedb", "NOCREATEDB"),
    ("rolcreaterole", "NOCREATEROLE"),
)
_PERSONAL = frozenset({"user", "password", "passfile", "sslkey", "sslcert", "sslpassword", "dbname"})
_SUPERUSERS = frozenset({"rolsuper", "rolreplication", "rolbypassrls"})

_ADMIN = """
SELECT rolsuper, rolcreaterole, rolcreatedb, current_user AS name,
       current_setting('server_version_num')::int / 10000 AS major
FROM pg_roles WHERE rolname = current_user
"""
_ROLE = """
SELECT rolcanlogin, rolsuper, rolreplication, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s
"""
_DATABASE = """
SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding FROM pg_database WHERE datname = %s
"""
_MEMBERSHIPS = """
SELECT role.rolname FROM pg_auth_members m JOIN pg_roles role ON role.oid = m.roleid
JOIN pg_roles member ON member.oid = m.member WHERE member.rolname = %s ORDER BY 1
"""
_FOREIGN = """
SELECT count(*) AS tables, min(pg_get_userbyid(relowner)) AS owner FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND pg_get_userbyid(relowner) <> %s
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = pg_class.oid
                  AND d.deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class Names:
    """What the roles and the database are called. The migrations give their rights to the role `datapulse_app`."""

    owner: str = OWNER
    application: str = APPLICATION
    database: str = DATABASE


@dataclass(frozen=True, slots=True)
class RoleMade:
    """A role as it stands now: whether it was `made`, what was `taken` from it, and a password that was made up here
    (`password`: to be shown once, and not kept)."""

    name: str
    made: bool
    taken: tuple[str, ...] = ()
    password: str = ""
    password_set: bool = False

    def __repr__(self) -> str:
        return f"RoleMade({self.name!r})"


@dataclass(frozen=True, slots=True)
class RolesMade:
    """What was done. The addresses hold no passwords. `warnings` are what the administrator should look at."""

    owner: RoleMade
    application: RoleMade
    database_made: bool
    owner_address: str
    application_address: str
    warnings: tuple[str, ...] = ()


def init_roles(
    admin_url: str,
    *,
    names: Names | None = None,
    owner_password: str = "",
    application_password: str = "",
) -> RolesMade:
    """Make or mend the roles and the database at the administrator's `admin_url`. Blocking.

    A password that is not given is made up for a role that is new, and left as it is otherwise. Raises NotAllowed for
    an administrator who may not do it, Conflict for what is there and somebody else's, Invalid, Unavailable. What was
    done before stays; running it again goes on from there.
    """
    names = names or Names()
    with _connected(admin_url) as admin, _told_plainly(admin_url):
        admin.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        me = _administrator(admin)
        owner = _role(admin, names.owner, owner_password, superuser=me.rolsuper)
        application = _role(admin, names.application, application_password, superuser=me.rolsuper)
        groups = [row.rolname for row in admin.execute(_MEMBERSHIPS, [names.application]).fetchall()]
        if names.owner in groups:
            raise Conflict(
                f"The role {names.application} is a member of {names.owner}, so it could change the audit trail.",
                hint=f'Take that away: REVOKE "{names.owner}" FROM "{names.application}"; then run this again.',
            )
        with _as_owner(admin, me, names.owner):
            made = _database(admin, me, names)
            with _connected(admin_url, names.database) as inside:
                _rights(inside, me, names)
    warnings = tuple(
        f"The role {names.application} is also a member of {group}: see whether it needs that." for group in groups
    )
    return RolesMade(
        owner,
        application,
        made,
        _address(admin_url, names.owner, names.database),
        _address(admin_url, names.application, names.database),
        warnings,
    )


@contextmanager
def _connected(url: str, database: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    import psycopg
    from psycopg.rows import namedtuple_row

    named = libpq_arguments(url, NAME) | ({"dbname": database} if database else {})
    try:
        connection = psycopg.connect(
            **named,  # type: ignore[arg-type]
            autocommit=True,
            row_factory=namedtuple_row,
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        raise unavailable(url, error) from error
    with connection:
        yield connection


@contextmanager
def _told_plainly(url: str) -> Iterator[None]:
    """What the server refuses becomes a message. It holds the server's words, and never the statement."""
    import psycopg

    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotAllowed(
            f"The server refused: {error.diag.message_primary or 'that is not allowed'}.",
            hint="Run it as a superuser or as a role with CREATEROLE (and CREATEDB) that has the ADMIN option on the "
            "roles that are there already.",
        ) from error
    except psycopg.OperationalError as error:
        raise unavailable(url, error) from error
    except psycopg.Error as error:
        said = error.diag.message_primary or type(error).__name__
        raise Unavailable(f"The server refused: {said}.", hint="See to that, and run it again.") from error


def _administrator(admin: psycopg.Connection[Any]) -> Any:
    me = admin.execute(_ADMIN).fetchone()
    assert me is not None
    if me.major < OLDEST_SERVER:
        raise Invalid(f"DataPulse needs PostgreSQL {OLDEST_SERVER} or later; this is {me.major}. Nothing was changed.")
    if not (me.rolsuper or me.rolcreaterole):
        raise NotAllowed(
            f"The role {me.name} may not make roles. Nothing was changed.",
            hint="Give the address of a superuser or of a role with CREATEROLE.",
        )
    return me


def _role(admin: psycopg.Connection[Any], name: str, password: str, *, superuser: bool) -> RoleMade:
    """Make the role, or take from it what it does not need."""
    from psycopg import sql

    role = sql.Identifier(name)
    there = admin.execute(_ROLE, [name]).fetchone()
    # A role that cannot sign in (the migrations make one such) has no password that anybody knows.
    fresh = there is None or not there.rolcanlogin
    made_up = secrets.token_urlsafe(PASSWORD_BYTES) if fresh and not password else ""
    verifier = _verifier(admin, name, password or made_up) if password or made_up else None
    with_password = sql.SQL(" PASSWORD {}").format(sql.Literal(verifier)) if verifier else sql.SQL("")
    taken: list[str] = []
    if there is None:
        plain = sql.SQL("CREATE ROLE {} LOGIN NOCREATEDB NOCREATEROLE INHERIT{}")
        admin.execute(plain.format(role, with_password))
    else:
        powers = [(power, word) for power, word in _POWERS if getattr(there, power)]
        if not superuser and any(power in _SUPERUSERS for power, _ in powers):
            words = " ".join(word for _, word in powers)
            raise NotAllowed(
                f"The role {name} has rights that only a superuser can take from it.",
                hint=f'A superuser runs: ALTER ROLE "{name}" {words}; then run this again.',
            )
        taken = [word.removeprefix("NO") for _, word in powers]
        words = " ".join([*(word for _, word in powers), *([] if there.rolcanlogin else ["LOGIN"])])
        if words or verifier:
            admin.execute(sql.SQL("ALTER ROLE {} {}{}").format(role, sql.SQL(words), with_password))
    return RoleMade(name, there is None, tuple(taken), made_up, verifier is not None)


def _verifier(admin: psycopg.Connection[Any], name: str, password: str) -> str:
    """What the server keeps of a password, made here: the password itself reaches neither server nor its log."""
    found = admin.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    return found.decode()


@contextmanager
def _as_owner(admin: psycopg.Connection[Any], me: Any, owner: str) -> Iterator[None]:
    """For this long the administrator may act as the owner, where that needs a membership."""
    from psycopg import sql

    has = admin.execute("SELECT pg_has_role(%s, 'MEMBER') AS member", [owner]).fetchone()
    lend = not me.rolsuper and not (has and has.member and me.major < 16) and me.name != owner
    words = sql.SQL(" WITH INHERIT TRUE, SET TRUE" if me.major >= 16 else "")
    if lend:
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER{}").format(sql.Identifier(owner), words))
    try:
        yield
    finally:
        if lend:
            admin.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(sql.Identifier(owner)))


def _database(admin: psycopg.Connection[Any], me: Any, names: Names) -> bool:
    """Make the database, or see that the one that is there is the owner's; True when it was made."""
    from psycopg import sql

    there = admin.execute(_DATABASE, [names.database]).fetchone()
    database, owner = sql.Identifier(names.database), sql.Identifier(names.owner)
    if there is None:
        if not (me.rolsuper or me.rolcreatedb):
            raise NotAllowed(
                f"There is no database {names.database}, and the role {me.name} may not make one. The roles are made.",
                hint=f"Have it made with CREATE DATABASE {names.database} OWNER {names.owner} ENCODING 'UTF8' TEMPLATE "
                "template0; then run this again.",
            )
        plain = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
        admin.execute(plain.format(database, owner))
        return True
    if there.encoding != "UTF8":
        raise Invalid(
            f"The database {names.database} keeps its text in {there.encoding}, and DataPulse needs UTF8.",
            hint="Choose another database with --database.",
        )
    if there.owner != names.owner:
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
    return False


def _rights(inside: psycopg.Connection[Any], me: Any, names: Names) -> None:
    """In the database itself: nobody may do anything but the owner, and the application what its tables grant it."""
    from psycopg import sql

    foreign = inside.execute(_FOREIGN, [names.owner]).fetchone()
    if foreign is not None and foreign.tables:
        raise Conflict(
            f"{foreign.tables} tables in {names.database} belong to {foreign.owner}, not to {names.owner}.",
            hint=f"Give them over in that database, REASSIGN OWNED BY {foreign.owner} TO {names.owner}; or choose "
            "another database with --database.",
        )
    keeper = inside.execute(
        "SELECT pg_get_userbyid(nspowner) AS name FROM pg_namespace WHERE nspname = 'public'"
    ).fetchone()
    words = {
        "database": sql.Identifier(names.database),
        "owner": sql.Identifier(names.owner),
        "application": sql.Identifier(names.application),
    }
    # The schema of a database that began before PostgreSQL 15 is not its owner's.
    old = keeper is not None and keeper.name not in ("pg_database_owner", names.owner)
    if old:
        inside.execute(sql.SQL("ALTER SCHEMA public OWNER TO {owner}").format(**words))
    if not me.rolsuper:
        inside.execute(sql.SQL("SET ROLE {owner}").format(**words))
    for statement in (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "REVOKE ALL ON DATABASE {database} FROM {application}",
        "GRANT CONNECT ON DATABASE {database} TO {application}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "REVOKE CREATE ON SCHEMA public FROM {application}",
        "GRANT USAGE ON SCHEMA public TO {application}",
    ):
        inside.execute(sql.SQL(statement).format(**words))


def _address(admin_url: str, role: str, database: str) -> str:
    """The administrator's address with another role and database, and without a password."""
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in _PERSONAL]
    return urlunsplit(("postgresql", f"{quote(role)}@{place}", f"/{quote(database)}", urlencode(kept, safe="/:,"), ""))


def described(made: RolesMade) -> list[str]:
    """What was done, in words, without a password."""
    lines = []
    for role, rights in ((made.owner, "owns the database"), (made.application, "reads and writes, and no more")):
        what = "made" if role.made else "was there"
        taken = f", {', '.join(role.taken)} taken away" if role.taken else ""
        password = "a new password" if role.password_set else "its password is unchanged"
        lines.append(f"{role.name}: {what}{taken}, {password}; it {rights}.")
    lines.append(f"The database is {'made' if made.database_made else 'there'}: {shown(made.owner_address)}")
    return lines
