-- communication/captures: profiles of jobs that telemetry can be calibrated with: exact, dated, with the width of their kernels, of
-- nine tenths of the job's ranks at least. Ranks profile the same steps, so they begin in the same half minute or the next.
SELECT job_id, any(layout) AS parallel_layout, max(world_size) AS world, uniqExact(rank) AS rank_count, min(ts) AS begin,
  max(until) AS end, avg(exposed_ratio) AS exposed, avg(comm_sm_ratio) AS comm_sm
FROM collective FINAL
WHERE cluster = {cluster:String} AND scope = 'rank' AND grade = 'exact' AND ts_source = 'trace'
  AND isNotNull(exposed_ratio) AND isNotNull(comm_sm_ratio) AND ts >= {since:DateTime64(3, 'UTC')}
  AND ts < {until:DateTime64(3, 'UTC')}
GROUP BY job_id, source, intDiv(toUnixTimestamp(ts), 60)
HAVING rank_count >= 0.9 * ifNull(world, rank_count)
ORDER BY job_id, begin
LIMIT 10000
