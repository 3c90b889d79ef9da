"""The SQL that rules are read by, in pieces: `a` is the rule, `u` its owner, `q` its query, `page` the rules found."""

from __future__ import annotations

COUNTED = 1_000  # series and open incidents of a rule are counted up to here

COLUMNS = """
    a.id, a.version, a.name, lower(a.name) AS sort_name, a.user_id, u.name AS owner_name, u.email AS owner_email,
    a.metric, coalesce(q.name, '') AS query, coalesce(s.name, '') AS source, a.severity, a.threshold_type,
    a.threshold_value, a.recovery_value, a.for_seconds, a.window_seconds, a.status, a.is_active, a.interval_seconds
"""
FROM = """
    FROM alerts a JOIN users u ON u.id = a.user_id
    LEFT JOIN queries q ON q.id = a.metric_id LEFT JOIN data_sources s ON s.id = q.data_source_id
    WHERE a.archived_at IS NULL
"""
VISIBLE = """
    (:all OR a.user_id = CAST(:me AS uuid)
     OR EXISTS (SELECT FROM alert_notifications n WHERE n.alert_id = a.id AND n.user_id = CAST(:me AS uuid)))
"""
WORD = """
    (a.name ILIKE :word{0} OR q.name ILIKE :word{0} OR u.name ILIKE :word{0} OR u.email ILIKE :word{0}
     OR EXISTS (SELECT FROM jsonb_each_text(a.labels) l WHERE l.key || '=' || l.value ILIKE :word{0}))
"""
STANDING = f"""
    e.health, e.health_reason, e.health_since, e.last_at, e.next_at, e.skipped_slots, e.skipped_at,
    (SELECT count(*) FROM (SELECT FROM alert_series x WHERE x.alert_id = page.id LIMIT {COUNTED}) n) AS series,
    (SELECT count(*) FROM (SELECT FROM alert_incidents i WHERE i.alert_id = page.id AND i.resolved_at IS NULL
                           LIMIT {COUNTED}) n) AS open_incidents
    FROM page LEFT JOIN alert_evaluations e ON e.alert_id = page.id
"""  # noqa: S608  (a constant of this module)
DETAILS = """
    a.description, a.metric_id, a.label_columns, a.keep_firing_seconds, a.no_data_policy, a.error_policy, a.labels,
    a.runbook_url, a.message, a.channels, a.frequency, a.group_wait_seconds, a.group_interval_seconds,
    a.repeat_interval_seconds, a.escalate_after_seconds, a.escalation_channels, a.condition_version, a.created_at,
    a.updated_at, q.sql AS query_sql, q.data_source_id AS source_id,
    (SELECT email FROM users WHERE id = q.user_id) AS query_owner
"""
# Stored recipients and channels -> how people write them.
NAMES = r"""
    (SELECT coalesce(jsonb_object_agg(named.stored, named.written), '{}') FROM (
        SELECT t.stored, p.email AS written
        FROM jsonb_path_query(page.channels || page.escalation_channels, '$[*].to[*]') each,
             LATERAL (SELECT each #>> '{}' AS stored) t
        JOIN users p ON p.id = CAST(substring(t.stored FROM '^person:([0-9a-f-]{36})$') AS uuid)
        UNION
        SELECT t.stored, 'department:' || d.name
        FROM jsonb_path_query(page.channels || page.escalation_channels, '$[*].to[*]') each,
             LATERAL (SELECT each #>> '{}' AS stored) t
        JOIN departments d ON d.id = CAST(substring(t.stored FROM '^department:([0-9a-f-]{36})$') AS uuid)
        UNION
        SELECT 'channel:' || (each #>> '{}'), c.name
        FROM jsonb_path_query(page.channels || page.escalation_channels, '$[*].channel') each
        JOIN notification_channels c ON c.id = CAST(substring(each #>> '{}' FROM '^([0-9a-f-]{36})$') AS uuid)
     ) named) AS names
"""
SERIES = """
    SELECT x.series_id, m.labels, x.state, x.reason, x.since, x.missed
    FROM alert_series x JOIN metric_series m ON m.id = x.series_id
    WHERE x.alert_id = :id
    ORDER BY array_position(ARRAY['firing', 'pending', 'recovering', 'normal'], x.state::text), x.series_id
    LIMIT :limit
"""
