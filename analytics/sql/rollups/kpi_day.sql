-- kpi_day: one UTC day of some hosts of a cluster, from their node-minutes.
INSERT INTO kpi_day (
  cluster, host, day, first_minute, last_minute, node_minutes, blind_minutes, ticks_expected, ticks_done, log_records_lost,
  gpu_minutes_expected, gpu_minutes_known, gpus_expected_last, blind_last, retired, gpu_minutes_seen, gpu_minutes_in_service,
  gpu_minutes_allocated, gpus_seen_last, version
)
SELECT
  {cluster:String}, host, {since:DateTime64(3, 'UTC')}, min(ts), max(ts), count(), countIf(blind != ''),
  sum(presence.ticks_expected), sum(presence.ticks_done), sum(presence.log_records_lost), sum(gpus_expected),
  sumIf(gpus_expected, isNotNull(gpus_in_service)), argMax(gpus_expected, ts), argMax(blind, ts), 0, sum(gpus_seen),
  sum(gpus_in_service), sum(gpus_allocated), argMax(tuple(gpus_seen), ts).1, {version:UInt64}
FROM presence FINAL
WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
  AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
GROUP BY host
SETTINGS optimize_aggregation_in_order = 1
