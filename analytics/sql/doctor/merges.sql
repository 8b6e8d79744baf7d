-- Merges under way.
SELECT count() AS running, max(elapsed) AS longest_s FROM system.merges WHERE database = currentDatabase()
