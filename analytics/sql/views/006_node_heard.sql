-- Node-minutes of a cluster that agents sent, summed by node, day and step (node_step); a minute has the state and the jobs of its
-- beginning. A source that says drained, repair or planned takes a minute out of service, one that says unknown makes it unknown.
-- Jobs: by the scheduler's export where it told of that time, else by presence, else by the agents' job ids.
-- Minutes of an hour that say the same are joined as one row, but where a step, or what was told of jobs, may change within it.
-- `rolled` 1: only minutes that kpi_day cannot give: the edges of the window, days after the last pass, and node-days with rows
-- stored since it. `hosts` is a JSON array of names, or '' for all.
CREATE OR REPLACE VIEW node_heard AS
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  (SELECT settled FROM presence_rolled) AS settled,
  toStartOfDay({since:DateTime64(3, 'UTC')} + INTERVAL 86399999 MILLISECOND) AS rolled_since,
  if({rolled:UInt8} = 1, toStartOfDay(least({until:DateTime64(3, 'UTC')}, closed)), rolled_since) AS rolled_until
SELECT host, toStartOfDay(hour) AS day, step,
  sum(hour_minutes) AS minutes, min(first_ts) AS first, max(last_ts) AS last,
  sum(hour_in_service) AS in_service, sum(hour_known) AS known, sum(hour_expected) AS expected,
  sum(if(hour_asked > 0 AND share >= 0, ifNull(hour_allocated, 0) + toInt64(round(hour_asked * share)), hour_allocated)) AS allocated,
  sum(hour_allocation_known + if(share >= 0, hour_asked_of, 0)) AS allocation_known,
  sum(hour_drained) AS drained, sum(hour_planned) AS planned
FROM (
  SELECT host, toStartOfHour(first_minute) AS hour, step,
    sum(alike) AS hour_minutes, min(first_minute) AS first_ts, max(last_minute) AS last_ts,
    sum(alike * service) AS hour_in_service, sumIf(alike * gpus, isNotNull(service)) AS hour_known, sum(alike * gpus) AS hour_expected,
    sum(alike * taken) AS hour_allocated, sumIf(alike * gpus, isNotNull(taken)) AS hour_allocation_known,
    sumIf(alike * service, isNull(taken)) AS hour_asked, sumIf(alike * gpus, isNull(taken) AND isNotNull(service)) AS hour_asked_of,
    sum(if(state = '', NULL, if(state IN ('drained', 'repair'), alike * gpus, 0))) AS hour_drained,
    sum(if(state = '', NULL, if(state = 'planned', alike * gpus, 0))) AS hour_planned
  FROM (
    SELECT minutes.host AS host, minutes.first_minute AS first_minute, minutes.last_minute AS last_minute, minutes.alike AS alike,
      toInt64(minutes.gpus_expected) AS gpus, steps.begins AS step, steps.state AS state,
      multiIf(state = 'unknown', NULL, state IN ('drained', 'repair', 'planned'), 0, toInt64(minutes.gpus_in_service)) AS service,
      multiIf(isNull(service), NULL, service = 0, 0,
        first_minute >= jobs.told_since AND first_minute < jobs.told_until, least(steps.held, service),
        toInt64(minutes.gpus_allocated)) AS taken
    FROM (
      SELECT host, gpus_expected, gpus_in_service, gpus_allocated,
        toInt64(count()) AS alike, min(ts) AS first_minute, max(ts) AS last_minute
      FROM (
        SELECT host, ts, gpus_expected, gpus_in_service, gpus_allocated FROM presence FINAL
        WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
          AND (ts < rolled_since OR ts >= rolled_until)
          AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
        UNION ALL
        SELECT host, ts, gpus_expected, gpus_in_service, gpus_allocated FROM presence FINAL
        WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until
          AND (host, toStartOfDay(ts)) IN (
            SELECT host, toStartOfDay(ts) FROM presence
            WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until AND ingested_at >= settled)
      )
      GROUP BY host, if(
          (host, intDiv(toUnixTimestamp(ts), 3600)) IN (
            SELECT host, intDiv(toUnixTimestamp(since), 3600) FROM node_state WHERE cluster = {cluster:String}
            UNION ALL
            SELECT host, intDiv(toUnixTimestamp(arrayJoin([ts, ifNull(ended_at, ts)])), 3600) FROM job
            WHERE cluster = {cluster:String} AND boot_id = '')
          OR intDiv(toUnixTimestamp(ts), 3600) IN (
            SELECT intDiv(toUnixTimestamp(arrayJoin([since, until])), 3600) FROM told FINAL
            WHERE cluster = {cluster:String} AND subject = 'jobs'),
          toUnixTimestamp64Milli(ts), toInt64(intDiv(toUnixTimestamp(ts), 3600))), gpus_expected, gpus_in_service, gpus_allocated
    ) AS minutes
    ASOF LEFT JOIN node_step(
      cluster = {cluster:String}, hosts = {hosts:String},
      since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}
    ) AS steps ON steps.host = minutes.host AND steps.begins <= minutes.first_minute
    LEFT JOIN (
      SELECT day, min(since) AS told_since, max(until) AS told_until FROM told FINAL
      WHERE cluster = {cluster:String} AND subject = 'jobs' GROUP BY day
    ) AS jobs ON jobs.day = toStartOfDay(minutes.first_minute)
  )
  GROUP BY host, hour, step
) AS heard
LEFT JOIN (
  SELECT host AS agent_host, hour AS agent_hour, toNullable(share) AS share
  FROM agent_allocation(
    cluster = {cluster:String}, hosts = {hosts:String},
    since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
) AS by_agent ON by_agent.agent_host = heard.host AND by_agent.agent_hour = heard.hour
GROUP BY host, day, step;
