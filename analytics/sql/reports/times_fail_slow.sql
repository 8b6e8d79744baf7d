-- GPU-hours that jobs lost by slow nodes, GPUs and ports, of findings that began in the window; missing where none says.
SELECT sum(gpu_hours_lost) AS gpu_hours
FROM slow_finding FINAL
WHERE cluster = {cluster:String} AND retired = 0
  AND onset >= {since:DateTime64(3, 'UTC')} AND onset < {until:DateTime64(3, 'UTC')}
  AND job_id IN (SELECT arrayJoin(JSONExtract({jobs:String}, 'Array(String)')))
