-- communication/estimated: windows of each job that have an estimate already.
SELECT job_id, groupUniqArray(toUnixTimestamp64Milli(ts)) AS starts_ms
FROM collective
WHERE cluster = {cluster:String} AND source = 'telemetry' AND ts >= {since:DateTime64(3, 'UTC')}
  AND ts < {until:DateTime64(3, 'UTC')}
GROUP BY job_id
ORDER BY job_id
LIMIT 100000
