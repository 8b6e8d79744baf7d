-- What was watched: node-minutes with a report against node-minutes since each node was first seen (a node that fell silent
-- still counts), ticks served, kernel-log records overwritten unread, GPUs expected and seen at each node's last word, and
-- what agents said they cannot see. Whole days come from kpi_day where it is current, the rest from presence. A node-day
-- counts as log read unless a record of it was lost, or its agent last said that it cannot read the log.
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  (SELECT settled FROM presence_rolled) AS settled,
  toStartOfMinute({since:DateTime64(3, 'UTC')}) AS inside_since,
  toStartOfDay(inside_since) AS split_since,
  if(split_since = inside_since, split_since, split_since + INTERVAL 1 DAY) AS split_until,
  toStartOfDay(least({until:DateTime64(3, 'UTC')}, closed)) AS rolled_until
SELECT
  count() AS nodes,
  sum(minutes) AS node_minutes,
  sum(minutes_due) AS node_minutes_expected,
  sum(done) AS ticks_done,
  sum(wanted) AS ticks_expected,
  sum(lost) AS log_records_lost,
  sum(says_now.1) AS gpus_expected,
  sum(says_now.2) AS gpus_seen,
  toUInt64(sum(minutes_due * says_now.1)) AS gpu_minutes_expected,
  sum(log_read) AS log_minutes,
  arraySort(arrayFilter(reason -> reason != '', groupUniqArrayArray(splitByChar(',', says_now.3)))) AS blind
FROM (
  SELECT
    host,
    min(first_ts) AS first_seen,
    sum(minutes_inside) AS minutes,
    sum(done_inside) AS done,
    sum(wanted_inside) AS wanted,
    sum(lost_inside) AS lost,
    sumIf(minutes_inside, lost_inside = 0 AND position(concat(',', says.3), ',kmsg:') = 0) AS log_read,
    argMax(says, last_ts) AS says_now,
    greatest(0, dateDiff('minute', greatest(first_seen, inside_since),
      toStartOfMinute({until:DateTime64(3, 'UTC')} + INTERVAL 59999 MILLISECOND))) AS minutes_due
  FROM (
    SELECT *
    FROM (
      SELECT host, day, 0 AS raw, first_minute AS first_ts, last_minute AS last_ts,
        if(day >= inside_since, toUInt64(kpi_day.node_minutes), 0) AS minutes_inside,
        if(day >= inside_since, kpi_day.ticks_done, 0) AS done_inside,
        if(day >= inside_since, kpi_day.ticks_expected, 0) AS wanted_inside,
        if(day >= inside_since, kpi_day.log_records_lost, 0) AS lost_inside,
        (gpus_expected_last, gpus_seen_last, blind_last) AS says
      FROM kpi_day FINAL
      WHERE cluster = {cluster:String} AND retired = 0 AND kpi_day.node_minutes > 0 AND day < rolled_until
        AND (day < split_since OR day >= split_until)
      UNION ALL
      SELECT host, toStartOfDay(ts), 1, min(ts), max(ts),
        countIf(ts >= inside_since), sumIf(presence.ticks_done, ts >= inside_since),
        sumIf(presence.ticks_expected, ts >= inside_since), sumIf(presence.log_records_lost, ts >= inside_since),
        argMax((presence.gpus_expected, presence.gpus_seen, presence.blind), ts)
      FROM presence FINAL
      WHERE cluster = {cluster:String} AND ts < {until:DateTime64(3, 'UTC')}
        AND (ts >= rolled_until OR (ts >= split_since AND ts < split_until))
      GROUP BY host, toStartOfDay(ts)
      UNION ALL
      SELECT host, toStartOfDay(ts), 1, min(ts), max(ts),
        countIf(ts >= inside_since), sumIf(presence.ticks_done, ts >= inside_since),
        sumIf(presence.ticks_expected, ts >= inside_since), sumIf(presence.log_records_lost, ts >= inside_since),
        argMax((presence.gpus_expected, presence.gpus_seen, presence.blind), ts)
      FROM presence FINAL
      WHERE cluster = {cluster:String} AND ts < rolled_until
        AND (host, toStartOfDay(ts)) IN (
          SELECT host, toStartOfDay(ts) FROM presence
          WHERE cluster = {cluster:String} AND ts < rolled_until AND (ts < split_since OR ts >= split_until)
            AND ingested_at >= settled)
      GROUP BY host, toStartOfDay(ts)
    )
    ORDER BY host, day, raw DESC
    LIMIT 1 BY host, day
  )
  GROUP BY host
)
SETTINGS do_not_merge_across_partitions_select_final = 1, optimize_aggregation_in_order = 1
