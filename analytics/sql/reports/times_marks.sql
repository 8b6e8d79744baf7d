-- What jobs marked beside steps: time, step, bytes of each mark, of a kind at most so many that a job cannot flood a report (one a
-- minute for 30 days). Of each kind the lowest rank that marks it speaks for the job.
SELECT
  job_id,
  mark,
  arraySort(mark -> mark.1, groupUniqArray(50000)((toUnixTimestamp64Milli(ts), step, size_bytes))) AS marks
FROM job_mark
WHERE cluster = {cluster:String} AND mark != 'step'
  AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  AND (job_id, mark, rank) IN (
    SELECT job_id, mark, min(rank) FROM job_mark
    WHERE cluster = {cluster:String} AND mark != 'step'
      AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    GROUP BY job_id, mark)
GROUP BY job_id, mark
ORDER BY job_id, mark
LIMIT {top:UInt32}
