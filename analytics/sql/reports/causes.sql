-- Incidents by cause within the window, with the domain that decides where a report counts them, and which exposures stand
-- against them (the view incident_exposed says when): a rate counts those of its own exposure alone. An interruption is the end of a job: where a
-- scheduler told of jobs they are counted, elsewhere each incident is taken for one.
SELECT
  domain, class AS cls, cause, category, impact, watched, exposed, sum(count) AS incidents,
  sum(ifNull(jobs_ended, count)) AS interruptions, sum(nodes_affected) AS nodes_hit,
  sumIf(count, on_job = 1) AS on_jobs,
  countIf(dated = 1 AND (isNull(closed_at) OR closed_at >= {until:DateTime64(3, 'UTC')})) AS still_open
FROM incident_exposed
WHERE cluster = {cluster:String} AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
  AND (dated = 1 OR period_until <= {until:DateTime64(3, 'UTC')})
GROUP BY domain, class, cause, category, impact, watched, exposed
ORDER BY incidents DESC, cause, category
