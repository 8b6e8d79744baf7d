-- Batches of samples of the last hour that came, and numbers missing between them, of some hosts chosen anew each hour: all
-- of a large fleet would take minutes. `tables` is a pattern for the tables of that stream.
SELECT uniqExact((cluster, host)) AS hosts, sum(got) AS arrived, sum(missing) AS lost,
  arraySlice(arrayMap(entry -> entry.2, arrayReverseSort(groupArrayIf((missing, host), missing > 0))), 1, 5) AS worst
FROM (
  SELECT cluster, host, boot_id, uniqExact(seq) AS got, max(seq) - min(seq) + 1 - got AS missing
  FROM merge(currentDatabase(), {tables:String})
  WHERE ts >= now64(3, 'UTC') - INTERVAL 1 HOUR AND ts < now64(3, 'UTC') - INTERVAL 1 MINUTE
    AND (cluster, host) IN (
      SELECT cluster, host FROM presence
      WHERE ts >= now64(3, 'UTC') - INTERVAL 1 HOUR
      GROUP BY cluster, host
      ORDER BY cityHash64(cluster, host, toStartOfHour(now('UTC')))
      LIMIT {host_count:UInt32}
    )
  GROUP BY cluster, host, boot_id
)
