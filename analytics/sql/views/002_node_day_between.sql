-- Node-days of a cluster within a window, the first and the last cut at its edges. Whole days come from kpi_day; the edges, the
-- days after the last pass and node-days with rows stored since it come from presence, so that the sums are those of presence.
CREATE OR REPLACE VIEW node_day_between AS
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  (SELECT settled FROM presence_rolled) AS settled,
  toStartOfDay({since:DateTime64(3, 'UTC')} + INTERVAL 86399999 MILLISECOND) AS rolled_since,
  toStartOfDay(least({until:DateTime64(3, 'UTC')}, closed)) AS rolled_until
SELECT host, node_minutes, first_minute, in_service, known, allocated, expected
FROM (
  SELECT host, day, 0 AS raw, toUInt64(kpi_day.node_minutes) AS node_minutes, kpi_day.first_minute AS first_minute,
    gpu_minutes_in_service AS in_service, gpu_minutes_known AS known, gpu_minutes_allocated AS allocated,
    gpu_minutes_expected AS expected
  FROM kpi_day FINAL
  WHERE cluster = {cluster:String} AND retired = 0 AND day >= rolled_since AND day < rolled_until
  UNION ALL
  SELECT host, toStartOfDay(ts), 1, count(), min(ts), sum(gpus_in_service), sumIf(gpus_expected, isNotNull(gpus_in_service)),
    sum(gpus_allocated), sum(gpus_expected)
  FROM presence FINAL
  WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    AND (ts < rolled_since OR ts >= rolled_until)
  GROUP BY host, toStartOfDay(ts)
  UNION ALL
  SELECT host, toStartOfDay(ts), 1, count(), min(ts), sum(gpus_in_service), sumIf(gpus_expected, isNotNull(gpus_in_service)),
    sum(gpus_allocated), sum(gpus_expected)
  FROM presence FINAL
  WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until
    AND (host, toStartOfDay(ts)) IN (
      SELECT host, toStartOfDay(ts) FROM presence
      WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until AND ingested_at >= settled)
  GROUP BY host, toStartOfDay(ts)
)
ORDER BY host, day, raw DESC
LIMIT 1 BY host, day
SETTINGS do_not_merge_across_partitions_select_final = 1;
