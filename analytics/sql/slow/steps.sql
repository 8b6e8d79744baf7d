-- slow/steps: time between two steps of each job, by minute, as arrays: the median over its first ranks, since all ranks of a
-- synchronous job step alike. Minutes with a checkpoint are left out. A row that came twice does not change a ratio of sums.
SELECT job_id, uniqExactArray(hosts) AS host_count, groupArray(minute) AS minutes, groupArray(step_us) AS step_time_us
FROM (
  SELECT job_id, minute, groupUniqArray(64)(host) AS hosts, quantileExact(0.5)(rank_us) AS step_us
  FROM (
    SELECT job_id, host, rank,
      toUInt32(intDiv(toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')}), 60000)) AS minute,
      1000. * sum(toUnixTimestamp64Milli(last_ts) - toUnixTimestamp64Milli(ts)) / sum(count - 1) AS rank_us
    FROM job_mark
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
      AND mark = 'step' AND count > 1 AND rank < 8
    GROUP BY job_id, host, rank, minute
  )
  WHERE rank_us > 0 AND (job_id, minute) NOT IN (
    SELECT job_id,
      toUInt32(intDiv(toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')}), 60000))
    FROM job_mark
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
      AND mark IN ('checkpoint_begin', 'checkpoint_end') AND rank < 8
  )
  GROUP BY job_id, minute
  ORDER BY job_id, minute
)
GROUP BY job_id
ORDER BY job_id
LIMIT 10000
