"""The lists of functions against what real servers have."""

from __future__ import annotations

import duckdb
import psycopg

from datapulse_tui.sources import functions
from tests.databases import Server, dsn

# Volatile in PostgreSQL's book, and read-only all the same: they read clocks, sizes, states or roll dice.
HARMLESS_VOLATILE = frozenset(
    """
    array_sample array_shuffle clock_timestamp gen_random_uuid pg_blocking_pids pg_current_wal_flush_lsn
    pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_indexes_size pg_is_in_recovery
    pg_is_wal_replay_paused pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status
    pg_partition_ancestors pg_partition_tree pg_relation_size pg_safe_snapshot_blocking_pids pg_table_size
    pg_tablespace_size pg_total_relation_size random random_normal timeofday uuidv4 uuidv7 pg_stat_get_io
    """.split()  # noqa: SIM905
)
# Their text is run as SQL, or they read outside the database: never, however immutable they call themselves.
NEVER = frozenset(
    """
    query_to_xml table_to_xml schema_to_xml database_to_xml cursor_to_xml ts_stat ts_rewrite pg_read_file
    pg_read_binary_file pg_ls_dir pg_stat_file lo_import lo_export lo_get dblink pg_sleep pg_notify set_config setseed
    nextval setval pg_advisory_lock txid_current pg_current_xact_id pg_terminate_backend pg_cancel_backend
    """.split()  # noqa: SIM905
)


def test_postgres_functions_only_read(server: Server) -> None:
    with psycopg.connect(dsn(server.superuser)) as connection:
        rows = connection.execute(
            "SELECT proname, bool_or(provolatile = 'v') FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace "
            "GROUP BY proname"
        ).fetchall()
    volatile = {name for name, is_volatile in rows if is_volatile}
    assert (functions.POSTGRES_FUNCTIONS & volatile) - HARMLESS_VOLATILE == set()
    assert not functions.POSTGRES_FUNCTIONS & NEVER
    callable_words = functions.SYNTAX_WORDS & {name for name, _ in rows} - functions.POSTGRES_FUNCTIONS
    assert callable_words == {"like"}  # keywords may stand before a bracket; this one, as a function, compares texts


def test_postgres_functions_exist(server: Server) -> None:
    """A name that no server has is a slip of the pen, or a hole for a function that somebody else defines."""
    with psycopg.connect(dsn(server.superuser)) as connection:
        version = connection.info.server_version
        rows = connection.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace")
        known = {row[0] for row in rows}
    grammar = set(
        """
        coalesce nullif greatest least cast row grouping xmltable json_array json_exists json_object json_query
        json_scalar json_serialize json_table json_value current_catalog current_date current_role current_time
        current_timestamp localtime localtimestamp system_user user trim
        """.split()  # noqa: SIM905
    )
    missing = functions.POSTGRES_FUNCTIONS - known - grammar
    if version >= 180000:
        assert missing == set()


def test_duckdb_functions_exist_and_have_no_side_effects() -> None:
    rows = duckdb.execute(
        "SELECT lower(function_name), bool_or(coalesce(has_side_effects, false)) FROM duckdb_functions() "
        "WHERE function_type <> 'pragma' GROUP BY 1"
    ).fetchall()
    grammar = {
        "coalesce", "ifnull", "grouping", "grouping_id", "cast", "try_cast", "try", "extract", "columns", "overlaps",
        "array", "localtime", "localtimestamp", "current_time", "current_timestamp", "percentile_cont",
        "percentile_disc", "struct_extract", "date_diff",
    }  # fmt: skip
    assert functions.DUCKDB_FUNCTIONS - {name for name, _ in rows} - grammar == set()
    effects = {name for name, has in rows if has}
    dice = {"random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7"}
    assert (functions.DUCKDB_FUNCTIONS & effects) - dice == set()
