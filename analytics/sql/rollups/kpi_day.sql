-- kpi_day: one UTC day of some hosts of a cluster: exposure as node_day_raw has it, and what agents said of themselves.
INSERT INTO kpi_day (
  cluster, host, day, first_minute, last_minute, node_minutes, blind_minutes, ticks_expected, ticks_done, log_records_lost,
  gpu_minutes_expected, gpu_minutes_known, gpus_expected_last, blind_last, retired, gpu_minutes_seen, gpu_minutes_in_service,
  gpu_minutes_allocated, gpus_seen_last, node_minutes_told, gpu_minutes_drained, gpu_minutes_planned,
  gpu_minutes_allocation_known, version
)
SELECT
  {cluster:String}, days.host, {since:DateTime64(3, 'UTC')}, days.first_minute, days.last_minute, days.node_minutes,
  agents.blind_minutes, agents.ticks_owed, agents.ticks_served, agents.records_lost, days.expected, days.known,
  if(days.node_minutes > 0, agents.gpus_last, toUInt16(days.gpus_told)), agents.blind_says, 0, agents.gpu_minutes_answered,
  days.in_service, days.allocated, agents.seen_last, days.node_minutes_told, days.drained, days.planned, days.allocation_known,
  {version:UInt64}
FROM node_day_raw(
  cluster = {cluster:String}, hosts = {hosts:String}, since = {since:DateTime64(3, 'UTC')},
  until = {until:DateTime64(3, 'UTC')}, rolled = 0
) AS days
LEFT JOIN (
  SELECT host, countIf(blind != '') AS blind_minutes, sum(presence.ticks_expected) AS ticks_owed,
    sum(presence.ticks_done) AS ticks_served, sum(presence.log_records_lost) AS records_lost,
    argMax(gpus_expected, ts) AS gpus_last, argMax(blind, ts) AS blind_says, sum(gpus_seen) AS gpu_minutes_answered,
    argMax(tuple(gpus_seen), ts).1 AS seen_last
  FROM presence FINAL
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  GROUP BY host
  SETTINGS optimize_aggregation_in_order = 1
) AS agents ON agents.host = days.host
