-- What was watched: node-minutes with a report against node-minutes since each node was first seen (a node that fell silent
-- still counts), ticks served, kernel-log records overwritten unread, GPUs expected and seen at each node's last word, and
-- what agents said they cannot see.
SELECT
  count() AS nodes,
  sum(minutes) AS node_minutes,
  sum(greatest(0, dateDiff('minute', greatest(first_seen, toStartOfMinute({since:DateTime64(3, 'UTC')})),
    toStartOfMinute({until:DateTime64(3, 'UTC')} + INTERVAL 59999 MILLISECOND)))) AS node_minutes_expected,
  sum(done) AS ticks_done,
  sum(wanted) AS ticks_expected,
  sum(lost) AS log_records_lost,
  sum(expected_now) AS gpus_expected,
  sum(seen_now) AS gpus_seen,
  arraySort(arrayFilter(reason -> reason != '', groupUniqArrayArray(splitByChar(',', blind_now)))) AS blind
FROM (
  SELECT
    host,
    min(ts) AS first_seen,
    countIf(inside) AS minutes,
    sumIf(ticks_done, inside) AS done,
    sumIf(ticks_expected, inside) AS wanted,
    sumIf(log_records_lost, inside) AS lost,
    argMax(gpus_expected, ts) AS expected_now,
    argMax(tuple(gpus_seen), ts).1 AS seen_now,
    argMax(blind, ts) AS blind_now
  FROM (
    SELECT *, ts >= toStartOfMinute({since:DateTime64(3, 'UTC')}) AS inside
    FROM presence FINAL
    WHERE cluster = {cluster:String} AND ts < {until:DateTime64(3, 'UTC')}
  )
  GROUP BY host
)
SETTINGS do_not_merge_across_partitions_select_final = 1
