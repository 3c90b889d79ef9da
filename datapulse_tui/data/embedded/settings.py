"""What the embedded server is told: its configuration, who may connect, and the roles that it begins with."""

from __future__ import annotations

from pathlib import Path

SUPERUSER = "datapulse_super"
OWNER = "datapulse_owner"
APPLICATION = "datapulse_app"
MONITOR = "datapulse_monitor"
DATABASE = "datapulse"

# One command a line, run in single-user mode before the data folder is put in its place. The owner gets the rights over
# the application role that it would have, had it made the role itself. `postgres` becomes our database instead of
# standing empty beside it: making another one writes 300 files, a fifth of the first start.
BOOTSTRAP = f"""\
CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB;
CREATE ROLE {APPLICATION} LOGIN;
CREATE ROLE {MONITOR} LOGIN;
GRANT pg_monitor TO {MONITOR};
GRANT {APPLICATION} TO {OWNER} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
ALTER DATABASE postgres RENAME TO {DATABASE};
ALTER DATABASE {DATABASE} OWNER TO {OWNER};
"""

# The folder of the socket is the guard: mode 0700, and there is no TCP.
HBA = """\
# Written by DataPulse at every start. Only who may enter the socket's folder gets this far.
local all all trust
"""

OWN_CONFIGURATION = "# Settings of your own: they win over those of DataPulse, and are read at every start.\n"

_CONFIGURATION = """\
# Written by DataPulse at every start. Settings of your own go into local.conf beside this file.
listen_addresses = ''
port = 5432
unix_socket_directories = {socket_folders}
unix_socket_permissions = 0700
hba_file = {hba}
cluster_name = 'datapulse'

max_connections = 100
shared_buffers = '128MB'
huge_pages = off
# Not /dev/shm: containers make it tiny, and logging out may empty it under a server that goes on.
dynamic_shared_memory_type = mmap
# Processes that only wait are left out: no I/O workers, no replication.
io_method = sync
wal_level = minimal
max_wal_senders = 0
max_logical_replication_workers = 0
min_wal_size = '48MB'
max_wal_size = '256MB'
autovacuum = on
autovacuum_max_workers = 2
jit = off

timezone = 'UTC'
log_timezone = 'UTC'
track_io_timing = on

# Messages go to the supervisor, which keeps the log within bounds. Statements and details hold people's data.
log_destination = 'stderr'
logging_collector = off
log_min_messages = warning
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
log_line_prefix = '%m [%p] %q%u@%d '

include = 'local.conf'
"""


def configuration(*, socket_folder: Path, hba_file: Path) -> str:
    """The text of postgresql.conf. The paths may hold anything but control characters."""
    # Two quotations in one another: that of a list of folders, and that of the configuration file.
    folders = '"' + str(socket_folder).replace('"', '""') + '"'
    return _CONFIGURATION.format(socket_folders=_quoted(folders), hba=_quoted(str(hba_file)))


def url(role: str, socket_folder: Path) -> str:
    """The address of the database for `role`, as SQLAlchemy takes it. It holds no secret."""
    from urllib.parse import quote

    return f"postgresql+psycopg://{role}@/{DATABASE}?host={quote(str(socket_folder))}"


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
