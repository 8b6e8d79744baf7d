-- Silences of nodes: minutes without a row between two with one, longer than {gap_min} minutes, that ended after a moment; and
-- nodes that have not spoken since (`ended` = 0). Whole days come from kpi_day; only days with a minute missing are looked into.
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  toStartOfDay(greatest({since:DateTime64(3, 'UTC')}, toDateTime64('1970-01-03 00:00:00', 3, 'UTC')) - INTERVAL 1 DAY) AS from_day
SELECT node, assumeNotNull(first) AS first, until, ended
FROM (
  SELECT host AS node, before + INTERVAL 1 MINUTE AS first, minute AS until, 1 AS ended
  FROM (
    SELECT host, minute, whole,
      lagInFrame(toNullable(minute)) OVER (PARTITION BY host ORDER BY minute, whole ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before,
      lagInFrame(whole) OVER (PARTITION BY host ORDER BY minute, whole ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS whole_before
    FROM (
      SELECT host, arrayJoin([first_minute, last_minute]) AS minute, 1 AS whole
      FROM kpi_day FINAL
      WHERE cluster = {cluster:String} AND retired = 0 AND day >= from_day AND day < closed AND node_minutes >= 1440
        AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
      UNION ALL
      SELECT host, ts, 0
      FROM presence FINAL
      WHERE cluster = {cluster:String} AND ts >= from_day
        AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
        AND (ts >= closed OR (host, toStartOfDay(ts)) IN (
          SELECT host, toStartOfDay(day) FROM kpi_day FINAL
          WHERE cluster = {cluster:String} AND retired = 0 AND day >= from_day AND day < closed AND node_minutes < 1440))
    )
  )
  WHERE isNotNull(before) AND dateDiff('minute', before, minute) > {gap_min:UInt32}
    AND NOT (whole = 1 AND whole_before = 1 AND toDate(before) = toDate(minute))
  UNION ALL
  SELECT host, max(ts) + INTERVAL 1 MINUTE, {as_of:DateTime64(3, 'UTC')}, 0
  FROM presence
  WHERE cluster = {cluster:String} AND ts >= from_day
    AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
  GROUP BY host
  HAVING dateDiff('minute', max(ts), {as_of:DateTime64(3, 'UTC')}) > {gap_min:UInt32}
)
WHERE until >= {since:DateTime64(3, 'UTC')}
ORDER BY node, first
