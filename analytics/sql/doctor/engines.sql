-- Our tables with their engine, its settings included.
SELECT name, engine_full AS engine FROM system.tables WHERE database = currentDatabase() ORDER BY name
