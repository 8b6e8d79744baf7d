-- The partitions with the most active parts, each table's fullest first.
SELECT table, partition, count() AS parts, sum(rows) AS row_count, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table, partition
ORDER BY parts DESC, table, partition
LIMIT {top:UInt16}
