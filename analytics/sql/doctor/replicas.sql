-- Replicated tables; none on a single server.
SELECT table, toUInt8(is_readonly) AS read_only, toUInt64(queue_size) AS queue, toUInt64(absolute_delay) AS delay_s,
  toUInt32(active_replicas) AS active, toUInt32(total_replicas) AS total
FROM system.replicas
WHERE database = currentDatabase()
ORDER BY table
