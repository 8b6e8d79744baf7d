-- Batches of samples that never arrived: numbers missing between the first and the last of each host and boot. Events are not
-- counted so: a minute's preliminary row is replaced by its final one, and takes its number with it. Whole days come from
-- batch_day; a number that is read twice is in the union once.
WITH
  (SELECT max(until) FROM rollup_run FINAL WHERE rollup = 'batch_day' AND scope = 'pass') AS closed,
  (SELECT max(settled_at) FROM rollup_run FINAL WHERE rollup = 'batch_day' AND scope = 'pass') AS settled,
  toStartOfDay({since:DateTime64(3, 'UTC')} + INTERVAL 86399999 MILLISECOND) AS rolled_since,
  toStartOfDay(least({until:DateTime64(3, 'UTC')}, closed)) AS rolled_until
SELECT sum(missing) AS batches_lost, sum(arrived) AS batches_arrived
FROM (
  SELECT host, boot_id, toUInt64(sum(greatest(0, after - greatest(number, reached)))) AS arrived,
    max(after) - min(number) - arrived AS missing
  FROM (
    SELECT host, boot_id, number, after, max(after) OVER (
      PARTITION BY host, boot_id ORDER BY number, after ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM (
      SELECT host, boot_id, run.1 AS number, run.2 AS after
      FROM batch_day FINAL
      ARRAY JOIN arrayZip(seq_from, seq_until) AS run
      WHERE cluster = {cluster:String} AND retired = 0 AND day >= rolled_since AND day < rolled_until
      UNION ALL
      SELECT DISTINCT host, boot_id, seq, seq + 1
      FROM sample_batch
      WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
        AND (ts < rolled_since OR ts >= rolled_until)
      UNION ALL
      SELECT DISTINCT host, boot_id, seq, seq + 1
      FROM sample_batch
      WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until AND ingested_at >= settled
    )
  )
  GROUP BY host, boot_id
)
