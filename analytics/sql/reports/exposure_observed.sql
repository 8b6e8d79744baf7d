-- GPU-days that agents watched, on the three bases, from node-minutes. A minute whose state is unknown is in none of them.
-- allocated is missing where no scheduler said anything.
SELECT
  count() AS node_minutes,
  uniqExact(ts) AS minutes,
  minOrNull(ts) AS first_minute,
  sum(gpus_in_service) / 1440 AS in_service,
  sumIf(gpus_expected, isNotNull(gpus_in_service)) / 1440 AS capacity,
  sum(gpus_allocated) / 1440 AS allocated,
  sumIf(gpus_expected, isNull(gpus_in_service)) / 1440 AS unknown_state
FROM presence FINAL
WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
SETTINGS do_not_merge_across_partitions_select_final = 1
