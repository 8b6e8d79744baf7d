-- When chosen jobs (JSON array of ids) were calibrated, by configuration.
SELECT job_id, layout, world_size, at
FROM comm_calibration FINAL
WHERE cluster = {cluster:String} AND at < {until:DateTime64(3, 'UTC')}
  AND job_id IN (SELECT arrayJoin(JSONExtract({jobs:String}, 'Array(String)')))
ORDER BY job_id, at, layout, world_size
LIMIT 100 BY job_id
