-- The age of the oldest day that each table partitioned by days still has.
SELECT table, toInt64(max(dateDiff('day', toDate(partition), toDate(now('UTC'))))) AS age_days
FROM system.parts
WHERE database = currentDatabase() AND active AND match(partition, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$')
GROUP BY table
ORDER BY table
