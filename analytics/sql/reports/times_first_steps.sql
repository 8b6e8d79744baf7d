-- The first step of each job since a time, with its start and the GPUs that it then had; in the order of the steps.
SELECT job_id, first_step_ms, toUnixTimestamp64Milli(min(begins)) AS began_ms, max(gpus) AS job_gpus
FROM (
  SELECT job_id AS marked_id, toUnixTimestamp64Milli(min(ts)) AS first_step_ms FROM job_mark
  WHERE cluster = {cluster:String} AND mark IN ('first_step', 'step')
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  GROUP BY job_id
) AS marked
INNER JOIN job_run_between(
  cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS runs
  ON runs.job_id = marked.marked_id
WHERE toUnixTimestamp64Milli(begins) <= first_step_ms
GROUP BY job_id, first_step_ms
ORDER BY first_step_ms, job_id
LIMIT {top:UInt32}
