-- Engine clause, TTL included, and storage policy of our tables.
SELECT name AS table, engine_full AS engine, storage_policy AS policy
FROM system.tables
WHERE database = currentDatabase()
ORDER BY name
