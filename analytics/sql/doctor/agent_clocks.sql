-- Clocks of hosts whose samples were stored in the last two minutes, the worst first. `ingested_at` has whole seconds: a row
-- that is later than that second's end was surely stamped ahead. What is behind the others is behind or was long on its way.
SELECT
  host,
  ahead_ms,
  toInt64(delay_ms - median(delay_ms) OVER ()) AS behind_ms,
  synchronized,
  offset_us,
  count() OVER () AS hosts
FROM (
  SELECT
    cluster,
    host,
    max(dateDiff('millisecond', toDateTime64(ingested_at, 3, 'UTC') + INTERVAL 1 SECOND, ts)) AS ahead_ms,
    min(dateDiff('millisecond', ts, toDateTime64(ingested_at, 3, 'UTC') + INTERVAL 1 SECOND)) AS delay_ms,
    argMax(tuple(clock_synchronized), ts).1 AS synchronized,
    argMax(tuple(clock_offset_us), ts).1 AS offset_us
  FROM host_sample
  WHERE ingested_at >= now() - INTERVAL 2 MINUTE AND _part IN (
    SELECT name FROM system.parts
    WHERE database = currentDatabase() AND table = 'host_sample' AND active
      AND modification_time >= now() - INTERVAL 2 MINUTE AND rows < 10000000
  )
  GROUP BY cluster, host
)
ORDER BY greatest(ahead_ms, 0) DESC, ifNull(synchronized, 1), behind_ms DESC, host
LIMIT {top:UInt16}
