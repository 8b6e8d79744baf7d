-- GPU-days in service, read once and added up: as a whole, by day, by node, by day of some nodes, and by what a node was at noon
-- of each day. The whole has the other bases too: a minute whose state is unknown is in none of them, and allocated is missing
-- where no scheduler said anything. `recent_gpu_days` are those from `recent` on. `age_days` is in steps of ninety days.
SELECT
  multiIf(grouping(noon) = 0 AND grouping(chosen) = 0, 'node_day', grouping(noon) = 0, 'day', grouping(host) = 0, 'node',
    grouping(model) = 0, 'kind', 'whole') AS part,
  if(grouping(noon) = 0, noon - INTERVAL 12 HOUR, toDateTime64(0, 3, 'UTC')) AS since,
  multiIf(grouping(host) = 0, host, grouping(chosen) = 0, chosen, '') AS node,
  model, driver, firmware, rack, batch, age_days,
  sum(in_service) / 1440 AS gpu_days,
  sumIf(in_service, noon >= {recent:DateTime64(3, 'UTC')}) / 1440 AS recent_gpu_days,
  sum(minutes) AS node_minutes, minOrNull(first) AS first_minute, sum(known) / 1440 AS capacity, sum(allocated) / 1440 AS allocated,
  (sum(expected) - sum(known)) / 1440 AS unknown_state
FROM (
  SELECT days.host AS host, if(days.host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))), days.host, '') AS chosen,
    days.noon AS noon, days.in_service AS in_service, days.node_minutes AS minutes, days.first_minute AS first, days.known AS known,
    days.allocated AS allocated, days.expected AS expected,
    ifNull(gpu_side.model, '') AS model, ifNull(gpu_side.driver, '') AS driver, ifNull(gpu_side.firmware, '') AS firmware,
    ifNull(place.rack, '') AS rack, ifNull(place.batch, '') AS batch,
    if(isNull(place.installed), NULL, intDiv(greatest(0, dateDiff('day', place.installed, days.noon)), 90) * 90) AS age_days
  FROM (
    SELECT host, {cluster:String} AS cluster, toDateTime64(toStartOfDay(day) + INTERVAL 12 HOUR, 3, 'UTC') AS noon, in_service, node_minutes,
      first_minute, known, allocated, expected
    FROM node_day_between(
      cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
  ) AS days
  ASOF LEFT JOIN (SELECT * FROM node_gpu_attribute WHERE cluster = {cluster:String}) AS gpu_side
    ON gpu_side.cluster = days.cluster AND gpu_side.host = days.host AND gpu_side.ts <= days.noon
  ASOF LEFT JOIN (SELECT * FROM node_place_attribute WHERE cluster = {cluster:String}) AS place
    ON place.cluster = days.cluster AND place.host = days.host AND place.ts <= days.noon
)
GROUP BY GROUPING SETS ((), (noon), (host), (chosen, noon), (model, driver, firmware, rack, batch, age_days))
HAVING part = 'whole' OR (gpu_days > 0 AND NOT (part = 'node_day' AND node = ''))
ORDER BY part, since, node, model, driver, firmware, rack, batch, age_days
