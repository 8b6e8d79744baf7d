-- Node-days of a cluster within a window, the first and the last cut at its edges: GPU-minutes in service, known, held by jobs,
-- expected, drained (or in repair) and in planned maintenance; `allocation_known` are those of which is known whether a job held
-- them. Whole days come from kpi_day, the rest from node_day_raw, so that the sums are those of what was stored.
CREATE OR REPLACE VIEW node_day_between AS
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  (SELECT settled FROM presence_rolled) AS settled,
  toStartOfDay({since:DateTime64(3, 'UTC')} + INTERVAL 86399999 MILLISECOND) AS rolled_since,
  toStartOfDay(least({until:DateTime64(3, 'UTC')}, closed)) AS rolled_until
SELECT host, day, toUInt64(kpi_day.node_minutes) + ifNull(kpi_day.node_minutes_told, 0) AS node_minutes, kpi_day.first_minute AS first_minute,
  toNullable(toInt64(gpu_minutes_in_service)) AS in_service, gpu_minutes_known AS known,
  toNullable(toInt64(gpu_minutes_allocated)) AS allocated, gpu_minutes_expected AS expected,
  toNullable(toInt64(gpu_minutes_drained)) AS drained, toNullable(toInt64(gpu_minutes_planned)) AS planned,
  toUInt64(ifNull(gpu_minutes_allocation_known, 0)) AS allocation_known
FROM kpi_day FINAL
WHERE cluster = {cluster:String} AND retired = 0 AND day >= rolled_since AND day < rolled_until
  AND (host, day) NOT IN (
    SELECT host, toStartOfDay(ts) FROM presence
    WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until AND ingested_at >= settled)
UNION ALL
SELECT host, day, toUInt64(node_minutes + node_minutes_told), first_minute, in_service, known, allocated, expected, drained, planned,
  allocation_known
FROM node_day_raw(
  cluster = {cluster:String}, hosts = '', since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, rolled = 1)
SETTINGS do_not_merge_across_partitions_select_final = 1;
