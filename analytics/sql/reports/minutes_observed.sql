-- Different minutes in which any node of the cluster was watched. Days that late rows came into are counted anew.
-- An array of distinct numbers is the fastest set here.
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  (SELECT settled FROM presence_rolled) AS settled,
  toStartOfDay({since:DateTime64(3, 'UTC')} + INTERVAL 86399999 MILLISECOND) AS rolled_since,
  toStartOfDay(least({until:DateTime64(3, 'UTC')}, closed)) AS rolled_until
SELECT sum(counted) AS minutes
FROM (
  SELECT counted
  FROM (
    SELECT toDate(day) AS date, 0 AS raw, toUInt64(cluster_day.minutes) AS counted
    FROM cluster_day FINAL
    WHERE cluster = {cluster:String} AND retired = 0 AND day >= rolled_since AND day < rolled_until
    UNION ALL
    SELECT toDate(ts), 1, length(groupUniqArray(toUInt32(toUnixTimestamp(ts))))
    FROM presence
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
      AND (ts < rolled_since OR ts >= rolled_until)
    GROUP BY toDate(ts)
    UNION ALL
    SELECT toDate(ts), 1, length(groupUniqArray(toUInt32(toUnixTimestamp(ts))))
    FROM presence
    WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until
      AND toDate(ts) IN (
        SELECT toDate(ts) FROM presence
        WHERE cluster = {cluster:String} AND ts >= rolled_since AND ts < rolled_until AND ingested_at >= settled)
    GROUP BY toDate(ts)
  )
  ORDER BY date, raw DESC
  LIMIT 1 BY date
)
