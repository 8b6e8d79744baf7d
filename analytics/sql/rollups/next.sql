-- For each host the hours that go on from an hour: those in which one of its devices has its next row of that boot. Their first
-- step starts at the last reading of that hour.
SELECT DISTINCT host, next
FROM (
  SELECT host, min(hour) AS next
  FROM {rollup:Identifier} FINAL
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND hour > {since:DateTime64(3, 'UTC')} AND hour <= {since:DateTime64(3, 'UTC')} + INTERVAL 7 DAY AND retired = 0
  GROUP BY host, {device:Identifier}, boot_id
)
ORDER BY next, host
