-- slow/jobs: jobs of a cluster that ran within a window, a row a node. A job that never ended is looked at for 60 days.
SELECT job_id, host, min(ts) AS began, if(countIf(isNull(ended_at)) > 0, NULL, max(ended_at)) AS ended, max(gpus) AS gpu_count
FROM job FINAL
WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 60 DAY
  AND ts < {until:DateTime64(3, 'UTC')} AND (isNull(ended_at) OR ended_at > {since:DateTime64(3, 'UTC')})
  AND job_id != '' AND NOT has(splitByChar(',', job_id), '')
GROUP BY job_id, host
ORDER BY job_id, host
LIMIT 200000
