-- Jobs by size in GPUs, with the unexpected incidents that ended or hung them. `edges` is a JSON array: a job is in the band of
-- as many edges as it reaches. A job of several runs counts under the size that it had longest.
SELECT
  toUInt32(arrayCount(edge -> size >= edge, JSONExtract({edges:String}, 'Array(UInt32)'))) AS band,
  toUInt32(count()) AS jobs,
  sum(held_days) AS gpu_days,
  sum(held_hours) AS wall_hours,
  sum(size * held_days) / sum(held_days) AS mean_gpus,
  toUInt32(sum(stops)) AS interruptions
FROM (
  SELECT job_id, argMax(gpus, lasted_ms) AS size, sum(gpus * lasted_ms) / 86400000 AS held_days,
    sum(lasted_ms) / 3600000 AS held_hours
  FROM (
    SELECT job_id, gpus, dateDiff('millisecond', begins, ends) AS lasted_ms
    FROM job_run_between(
      cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
  )
  GROUP BY job_id
  HAVING held_days > 0
) AS jobs
LEFT JOIN (
  SELECT arrayJoin(JSONExtract(ifNull(jobs, '[]'), 'Array(String)')) AS stopped_id, uniqExact(incident_id) AS stops
  FROM incident_current
  WHERE cluster = {cluster:String} AND domain != 'planned' AND impact = 'fault' AND dated = 1
    AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
  GROUP BY stopped_id
) AS stopped ON stopped.stopped_id = jobs.job_id
GROUP BY band
ORDER BY band
