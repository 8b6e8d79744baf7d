-- Parts that the server has set aside, by table and its reason; rows in them are not read.
SELECT table, ifNull(reason, '') AS why, count() AS parts, min(modification_time) AS since
FROM system.detached_parts
WHERE database = currentDatabase()
GROUP BY table, why
ORDER BY parts DESC, table, why
LIMIT {top:UInt16}
