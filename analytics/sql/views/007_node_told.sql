-- Steps of nodes (node_step) within a window, cut at midnights, with the minutes that begin in them: all, and those of which a
-- source of states, of jobs, and of both told everything. `agentless` 1: no agent ever sent a minute of the node until then.
-- `rolled` and `hosts` as in node_heard.
CREATE OR REPLACE VIEW node_told AS
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  (SELECT settled FROM presence_rolled) AS settled,
  toStartOfDay({since:DateTime64(3, 'UTC')} + INTERVAL 86399999 MILLISECOND) AS rolled_since,
  if({rolled:UInt8} = 1, toStartOfDay(least({until:DateTime64(3, 'UTC')}, closed)), rolled_since) AS rolled_until,
  if({rolled:UInt8} = 1, closed, {since:DateTime64(3, 'UTC')}) AS heard_since, -- before it kpi_day knows, but for what came since
  (a, b) -> greatest(0, intDiv(toUnixTimestamp64Milli(b) + 59999, 60000) - intDiv(toUnixTimestamp64Milli(a) + 59999, 60000)) AS minutes_between
SELECT host, day, step, state, gpus, held, first, until_ts,
  minutes_between(first, until_ts) AS minutes,
  minutes_between(greatest(first, spans.states_since), least(until_ts, spans.states_until)) AS minutes_states,
  minutes_between(greatest(first, spans.jobs_since), least(until_ts, spans.jobs_until)) AS minutes_jobs,
  minutes_between(greatest(first, spans.states_since, spans.jobs_since), least(until_ts, spans.states_until, spans.jobs_until)) AS minutes_both,
  toUInt8(host NOT IN (
    SELECT host FROM kpi_day
    WHERE cluster = {cluster:String} AND day < {until:DateTime64(3, 'UTC')} AND node_minutes > 0
    UNION DISTINCT
    SELECT host FROM presence
    WHERE cluster = {cluster:String} AND ts >= heard_since AND ts < {until:DateTime64(3, 'UTC')}
      AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
    UNION DISTINCT
    SELECT host FROM presence
    WHERE {rolled:UInt8} = 1 AND cluster = {cluster:String} AND ts < least(heard_since, {until:DateTime64(3, 'UTC')})
      AND ingested_at >= settled
  )) AS agentless
FROM (
  SELECT host, begins AS step, state, gpus, held, toStartOfDay(begins) + toIntervalDay(number) AS day,
    greatest(begins, day) AS first, least(ends, day + INTERVAL 1 DAY) AS until_ts
  FROM (
    SELECT *, arrayJoin(range(toUInt32(dateDiff('day', begins, ends - INTERVAL 1 MILLISECOND) + 1))) AS number
    FROM node_step(
      cluster = {cluster:String}, hosts = {hosts:String},
      since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
    WHERE state != '' OR held > 0
  )
) AS pieces
LEFT JOIN (
  SELECT day AS told_day,
    minIf(since, subject = 'jobs') AS jobs_since, maxIf(until, subject = 'jobs') AS jobs_until,
    minIf(since, subject = 'states') AS states_since, maxIf(until, subject = 'states') AS states_until
  FROM told FINAL
  WHERE cluster = {cluster:String} GROUP BY day
) AS spans ON spans.told_day = pieces.day
WHERE first < rolled_since OR first >= rolled_until OR (host, day) IN (
  SELECT host, toStartOfDay(ts) FROM presence
  WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until AND ingested_at >= settled);
