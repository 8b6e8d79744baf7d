-- Which hosts spoke in the last minutes, which of those of the last day fell silent, and node-minutes of the last full hour
-- against those that there should be. The latest two minutes are not judged: their rows may be on their way.
SELECT
  count() AS hosts,
  countIf(newest >= now64(3, 'UTC') - toIntervalSecond({silent_s:UInt32})) AS speaking,
  arraySlice(arrayMap(entry -> entry.2, arrayReverseSort(groupArrayIf((newest, host), newest < now64(3, 'UTC')
    - toIntervalSecond({silent_s:UInt32})))), 1, {top:UInt16}) AS silent,
  sum(seen_minutes) AS minutes,
  sum(greatest(0, dateDiff('minute', greatest(first_seen, from), until))) AS minutes_expected
FROM (
  SELECT cluster, host, max(ts) AS newest, min(ts) AS first_seen,
    toStartOfMinute(now('UTC')) - INTERVAL 62 MINUTE AS from, toStartOfMinute(now('UTC')) - INTERVAL 2 MINUTE AS until,
    uniqExactIf(ts, ts >= from AND ts < until) AS seen_minutes
  FROM presence
  WHERE ts >= now64(3, 'UTC') - INTERVAL 1 DAY
  GROUP BY cluster, host
)
