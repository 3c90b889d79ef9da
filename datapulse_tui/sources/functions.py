"""The functions that a query may call, per dialect: those that compute from their arguments or read statistics.

What is missing here is refused. It is missing because it writes, waits, locks, reads files or runs SQL of its own
(`query_to_xml`, `ts_stat`, `query`), changes the session (`set_config`, `setseed`), uses up a transaction id, or has
just not been asked for yet. An administrator adds functions per source.
"""

from __future__ import annotations

_POSTGRES_AGGREGATES = """
array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every json_agg json_object_agg
jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc range_agg range_intersect_agg regr_avgx
regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp
string_agg sum var_pop var_samp variance xmlagg any_value grouping
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""
_POSTGRES_NUMBERS = """
abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd degrees
div erf erfc exp factorial floor gcd greatest lcm least ln log log10 min_scale mod pi power pow radians random
random_normal round scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket bit_count get_bit get_byte
set_bit set_byte to_hex to_oct to_bin to_number
"""
_POSTGRES_TEXT = """
ascii bit_length btrim casefold char_length character_length chr concat concat_ws convert_from convert_to decode encode
format initcap left length lower lpad ltrim md5 normalize octet_length overlay parse_ident position quote_ident
quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim sha224 sha256 sha384
sha512 split_part starts_with string_to_array string_to_table strpos substr substring to_ascii translate trim unistr
upper num_nonnulls num_nulls coalesce nullif is_normalized
to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline setweight
strip numnode querytree tsvector_to_array array_to_tsvector
"""
_POSTGRES_TIMES = """
age clock_timestamp date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days justify_hours
justify_interval make_date make_interval make_time make_timestamp make_timestamptz now statement_timestamp timeofday
timezone to_char to_date to_timestamp transaction_timestamp current_date current_time current_timestamp localtime
localtimestamp overlaps
"""
_POSTGRES_JSON = """
array_to_json json_array json_array_elements json_array_elements_text json_array_length json_build_array
json_build_object json_each json_each_text json_exists json_extract_path json_extract_path_text json_object
json_object_keys json_populate_record json_populate_recordset json_query json_scalar json_serialize json_strip_nulls
json_table json_to_record json_to_recordset json_typeof json_value jsonb_array_elements jsonb_array_elements_text
jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path
jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz
jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz
jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset
jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json
to_json to_jsonb xpath xpath_exists xmlexists xml_is_well_formed
"""
_POSTGRES_ARRAYS = """
array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_string
array_upper cardinality generate_series generate_subscripts trim_array unnest
isempty lower_inc lower_inf upper_inc upper_inf range_merge multirange int4range int8range numrange tsrange tstzrange
daterange int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange
abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen
area center diameter height width npoints radius slope point box circle line lseg path polygon
gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version
"""
_POSTGRES_CATALOGUE = """
col_description current_catalog current_database current_role current_schema current_schemas current_setting
current_user format_type has_any_column_privilege has_column_privilege has_database_privilege has_function_privilege
has_schema_privilege has_sequence_privilege has_table_privilege has_tablespace_privilege has_type_privilege
inet_client_addr inet_server_addr inet_server_port obj_description pg_backend_pid pg_blocking_pids pg_client_encoding
pg_collation_for pg_column_compression pg_column_size pg_conf_load_time pg_current_wal_flush_lsn
pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_describe_object pg_encoding_to_char
pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_function_arguments pg_get_function_identity_arguments
pg_get_function_result pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_partkeydef pg_get_serial_sequence
pg_get_statisticsobjdef pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role pg_identify_object pg_indexes_size
pg_is_in_recovery pg_is_wal_replay_paused pg_last_wal_receive_lsn pg_last_wal_replay_lsn
pg_last_xact_replay_timestamp pg_lock_status pg_options_to_table pg_partition_ancestors pg_partition_root
pg_partition_tree pg_postmaster_start_time pg_relation_size pg_safe_snapshot_blocking_pids pg_size_bytes pg_size_pretty
pg_table_is_visible pg_table_size pg_tablespace_databases pg_tablespace_location pg_tablespace_size
pg_timezone_names pg_total_relation_size pg_type_is_visible pg_typeof pg_wal_lsn_diff row_security_active session_user
shobj_description system_user to_regclass to_regnamespace to_regproc to_regprocedure to_regrole to_regtype user version
pg_stat_get_activity pg_stat_get_analyze_count pg_stat_get_archiver pg_stat_get_autoanalyze_count
pg_stat_get_autovacuum_count pg_stat_get_backend_activity pg_stat_get_backend_activity_start
pg_stat_get_backend_client_addr pg_stat_get_backend_dbid pg_stat_get_backend_idset pg_stat_get_backend_pid
pg_stat_get_backend_start pg_stat_get_backend_userid pg_stat_get_backend_wait_event
pg_stat_get_backend_wait_event_type pg_stat_get_backend_xact_start pg_stat_get_blocks_fetched pg_stat_get_blocks_hit
pg_stat_get_db_active_time pg_stat_get_db_blk_read_time pg_stat_get_db_blk_write_time pg_stat_get_db_blocks_fetched
pg_stat_get_db_blocks_hit pg_stat_get_db_conflict_all pg_stat_get_db_deadlocks pg_stat_get_db_numbackends
pg_stat_get_db_session_time pg_stat_get_db_sessions pg_stat_get_db_stat_reset_time pg_stat_get_db_temp_bytes
pg_stat_get_db_temp_files pg_stat_get_db_tuples_deleted pg_stat_get_db_tuples_fetched pg_stat_get_db_tuples_inserted
pg_stat_get_db_tuples_returned pg_stat_get_db_tuples_updated pg_stat_get_db_xact_commit pg_stat_get_db_xact_rollback
pg_stat_get_dead_tuples pg_stat_get_io pg_stat_get_ins_since_vacuum pg_stat_get_last_analyze_time
pg_stat_get_last_autoanalyze_time pg_stat_get_last_autovacuum_time pg_stat_get_last_vacuum_time
pg_stat_get_live_tuples pg_stat_get_mod_since_analyze pg_stat_get_numscans pg_stat_get_progress_info
pg_stat_get_replication_slot pg_stat_get_slru pg_stat_get_subscription pg_stat_get_subscription_stats
pg_stat_get_tuples_deleted pg_stat_get_tuples_fetched pg_stat_get_tuples_hot_updated pg_stat_get_tuples_inserted
pg_stat_get_tuples_returned pg_stat_get_tuples_updated pg_stat_get_vacuum_count pg_stat_get_wal
pg_stat_get_wal_receiver pg_stat_get_wal_senders
"""

_DUCKDB_AGGREGATES = """
any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null argmax
argmin array_agg avg bit_and bit_or bit_xor bitstring_agg bool_and bool_or corr count count_if countif covar_pop
covar_samp entropy favg first fsum geomean geometric_mean group_concat histogram kahan_sum kurtosis kurtosis_pop last
list listagg mad max max_by mean median min min_by mode product quantile quantile_cont quantile_disc regr_avgx
regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness
stddev stddev_pop stddev_samp string_agg sum sumkahan var_pop var_samp variance wavg weighted_avg grouping grouping_id
cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank percentile_cont percentile_disc
rank rank_dense row_number
"""
_DUCKDB_NUMBERS = """
abs acos acosh add asin asinh atan atan2 atanh bit_count bit_position bitstring cbrt ceil ceiling cos cosh cot degrees
divide equi_width_bins even exp factorial fdiv floor fmod gamma gcd get_bit greatest greatest_common_divisor isfinite
isinf isnan lcm least least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power radians random
round round_even roundbankers set_bit sign signbit sin sinh sqrt subtract tan tanh trunc xor
"""
_DUCKDB_TEXT = """
ascii bar base64 bin bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein decode
editdist3 encode ends_with format format_bytes formatreadabledecimalsize formatreadablesize from_base64 from_binary
from_hex hamming hash hex instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme len length
length_grapheme levenshtein like_escape lower lpad ltrim md5 mismatches nfc_normalize octet_length ord overlay position
prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
regexp_split_to_array regexp_split_to_table repeat replace reverse right right_grapheme rpad rtrim sha1 sha256 split
split_part starts_with str_split str_split_regex string_split string_split_regex string_to_array strip_accents strlen
strpos substr substring substring_grapheme suffix to_base to_base64 to_binary to_hex translate trim ucase unbin unhex
unicode upper url_decode url_encode coalesce nullif ifnull if
"""
_DUCKDB_TIMES = """
age ago century current_date current_localtime current_localtimestamp current_time current_timestamp date_add date_diff
date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear
days_in_month decade epoch epoch_ms epoch_ns epoch_us era extract get_current_time get_current_timestamp hour isodow
isoyear julian last_day localtime localtimestamp make_date make_time make_timestamp make_timestamp_ms
make_timestamp_ns make_timestamptz microsecond millennium millisecond minute month monthname nanosecond now quarter
second strftime strptime time_bucket timezone timezone_hour timezone_minute to_centuries to_days to_decades to_hours
to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years
today transaction_timestamp try_strptime week weekday weekofyear year yearweek overlaps
"""
_DUCKDB_NESTED = """
array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains array_distance array_distinct
array_extract array_filter array_has array_has_all array_has_any array_indexof array_intersect array_length
array_pop_back array_pop_front array_position array_prepend array_push_back array_push_front array_reduce array_resize
array_reverse array_reverse_sort array_select array_slice array_sort array_to_json array_to_string array_transform
array_unique array_value array_where array_zip array array_cosine_similarity cardinality element_at flatten
generate_series generate_subscripts json_array json_array_length json_contains json_each json_exists json_extract
json_extract_path json_extract_path_text json_extract_string json_group_array json_group_object json_group_structure
json_keys json_merge_patch json_object json_pretty json_quote json_structure json_transform json_transform_strict
json_tree json_type json_valid json_value from_json from_json_strict list_aggr list_aggregate list_any_value
list_append list_apply list_avg list_bit_and list_bit_or list_bit_xor list_bool_and list_bool_or list_cat list_concat
list_contains list_count list_distance list_distinct list_element list_entropy list_extract list_filter list_first
list_has list_has_all list_has_any list_histogram list_indexof list_intersect list_last list_max list_median list_min
list_mode list_pack list_position list_prepend list_product list_reduce list_resize list_reverse list_reverse_sort
list_select list_slice list_sort list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform list_unique
list_value list_var_pop list_var_samp list_where list_zip map map_concat map_contains map_entries map_extract
map_extract_value map_from_entries map_keys map_values range reduce row row_to_json struct_concat struct_extract
struct_extract_at struct_insert struct_keys struct_pack struct_values to_json unnest unpivot_list
gen_random_uuid uuid uuidv4 uuidv7 enum_code enum_first enum_last enum_range typeof pg_typeof current_database
current_schema current_user version columns
"""

_COMMON_TYPES = """
bit blob bool boolean bytea char character date dec decimal double enum float float4 float8 inet int int2 int4 int8
integer interval json jsonb money name nchar numeric oid real smallint bigint text time timestamp timestamptz timetz
uuid varbit varchar bpchar xml
"""
_DUCKDB_TYPES = """
hugeint list map struct tinyint ubigint uhugeint uinteger union usmallint utinyint timestamp_s timestamp_ms
timestamp_ns string bitstring
"""

_SYNTAX = """
all and any array as asc between by case columns cross cube desc distinct else end escape except exclude exists fetch
filter first following from full group having ilike in inner intersect is join last lateral left like limit
materialized natural next not notnull nulls of offset on only or order over partition passing pivot preceding qualify
recursive replace right rollup rows select set sets similar some symmetric then to union unpivot using values varying
when where window with within xmltable zone
"""


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in texts for word in text.split())


POSTGRES_FUNCTIONS = _words(
    _POSTGRES_AGGREGATES,
    _POSTGRES_NUMBERS,
    _POSTGRES_TEXT,
    _POSTGRES_TIMES,
    _POSTGRES_JSON,
    _POSTGRES_ARRAYS,
    _POSTGRES_CATALOGUE,
    "cast row xmltable",
)
DUCKDB_FUNCTIONS = _words(
    _DUCKDB_AGGREGATES,
    _DUCKDB_NUMBERS,
    _DUCKDB_TEXT,
    _DUCKDB_TIMES,
    _DUCKDB_NESTED,
    "cast try_cast try",
)
POSTGRES_TYPES = _words(_COMMON_TYPES)
DUCKDB_TYPES = _words(_COMMON_TYPES, _DUCKDB_TYPES)

# Keywords that may stand before an opening bracket without being a call.
SYNTAX_WORDS = _words(_SYNTAX)
SAMPLE_METHODS = frozenset({"bernoulli", "system", "reservoir"})

# Functions in FROM whose one column bears the alias: `generate_series(1, 3) AS d` has the column `d.d`. (Those with a
# named output, such as json_array_elements, do not; there `d.d` would be a call of the function d.)
POSTGRES_NAMELESS_SETS = frozenset(
    {"generate_series", "unnest", "generate_subscripts", "regexp_split_to_table", "string_to_table"}
)
# Keywords that are values, and stand in FROM like a table: `FROM current_user AS u` is a function in FROM.
POSTGRES_VALUE_WORDS = frozenset(
    {"current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
     "current_user", "localtime", "localtimestamp", "session_user", "system_user", "user"}
)  # fmt: skip
# Names of outputs of the set-returning functions above that people refer to.
POSTGRES_OUTPUTS = frozenset({"key", "value", "ordinality"})
