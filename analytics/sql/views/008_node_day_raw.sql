-- Node-days of a cluster within a window from what was stored, not from rollups: what agents sent (node_heard), and in the minutes
-- without a heartbeat what schedulers and people told (node_told). Out of service is out of service whether an agent lives or not.
-- In service needs the agent's word, except on nodes that never had an agent: there the source's word counts, as long as the
-- source goes on telling (table told). A node in service by its state whose agent is silent is expected, and unknown.
CREATE OR REPLACE VIEW node_day_raw AS
SELECT host, day,
  sum(seen) AS node_minutes, toUInt64(sum(told)) AS node_minutes_told,
  if(sum(seen) > 0, minIf(seen_first, seen > 0), min(told_first)) AS first_minute,
  if(sum(seen) > 0, max(seen_last), toStartOfMinute(max(told_last))) AS last_minute, max(gpus) AS gpus_told,
  -- a sum is missing where neither an agent nor a source spoke
  sumOrNull(if(isNull(seen_in_service) AND NOT (told > 0 AND (away OR serves)), NULL,
    ifNull(seen_in_service, 0) + if(serves, gpus * told, 0))) AS in_service,
  toUInt64(sum(seen_known + if(away OR serves, gpus * told, 0))) AS known,
  sumOrNull(if(isNull(seen_allocated) AND NOT (told > 0 AND (away OR works OR minutes_both > 0)), NULL,
    ifNull(seen_allocated, 0) + taken)) AS allocated,
  toUInt64(sum(seen_expected + multiIf(away, gpus * told, state = 'in_service', gpus * least(silent, minutes_states), 0))) AS expected,
  sumOrNull(if(state = '', seen_drained, ifNull(seen_drained, 0) + if(away AND state != 'planned', gpus * told, 0))) AS drained,
  sumOrNull(if(state = '', seen_planned, ifNull(seen_planned, 0) + if(state = 'planned', gpus * told, 0))) AS planned,
  toUInt64(sum(seen_allocation_known + multiIf(away, gpus * told, serves, gpus * minutes_both, taken))) AS allocation_known
FROM (
  SELECT *, multiIf(away AND NOT agentless, silent, away OR serves, minutes_states, works, minutes_jobs, 0) AS told,
    multiIf(serves, least(held, gpus) * minutes_both, works, held * minutes_jobs, 0) AS taken
  FROM (
    SELECT if(heard.host != '', heard.host, said.host) AS host, if(heard.host != '', heard.day, said.day) AS day,
      heard.minutes AS seen, heard.first AS seen_first, heard.last AS seen_last, heard.in_service AS seen_in_service,
      heard.known AS seen_known, heard.expected AS seen_expected, heard.allocated AS seen_allocated,
      heard.allocation_known AS seen_allocation_known, heard.drained AS seen_drained, heard.planned AS seen_planned,
      said.first AS told_first, said.until_ts - INTERVAL 1 MILLISECOND AS told_last, said.state AS state, said.gpus AS gpus,
      said.held AS held, said.agentless AS agentless, said.minutes_states AS minutes_states, said.minutes_jobs AS minutes_jobs,
      said.minutes_both AS minutes_both,
      greatest(0, said.minutes - toInt64(heard.minutes)) AS silent,
      said.state IN ('drained', 'repair', 'planned') AS away,
      said.agentless AND said.state = 'in_service' AS serves,
      said.agentless AND said.state = '' AS works
    FROM node_heard(
      cluster = {cluster:String}, hosts = {hosts:String}, since = {since:DateTime64(3, 'UTC')},
      until = {until:DateTime64(3, 'UTC')}, rolled = {rolled:UInt8}) AS heard
    FULL JOIN node_told(
      cluster = {cluster:String}, hosts = {hosts:String}, since = {since:DateTime64(3, 'UTC')},
      until = {until:DateTime64(3, 'UTC')}, rolled = {rolled:UInt8}) AS said ON said.host = heard.host AND said.day = heard.day AND said.step = heard.step
  )
)
WHERE seen > 0 OR told > 0 OR (state = 'in_service' AND minutes_states > 0)
GROUP BY host, day;
