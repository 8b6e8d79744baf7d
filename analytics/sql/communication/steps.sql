-- communication/steps: steps that a job marked, as its lowest rank gathered them.
SELECT toUnixTimestamp64Milli(ts) AS first_ms, ifNull(toUnixTimestamp64Milli(last_ts), first_ms) AS last_ms,
  job_mark.count AS mark_count
FROM job_mark FINAL
WHERE cluster = {cluster:String} AND job_id = {name:String} AND mark = 'step' AND ts >= {since:DateTime64(3, 'UTC')}
  AND ts < {until:DateTime64(3, 'UTC')} AND rank = (
    SELECT min(rank) FROM job_mark
    WHERE cluster = {cluster:String} AND job_id = {name:String} AND mark = 'step' AND ts >= {since:DateTime64(3, 'UTC')}
      AND ts < {until:DateTime64(3, 'UTC')}
  )
ORDER BY ts
LIMIT 5000
