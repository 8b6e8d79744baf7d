-- Memory that the server counts as used, against its limit; 0 is no limit.
SELECT
  toInt64((SELECT value FROM system.metrics WHERE metric = 'MemoryTracking')) AS used_bytes,
  toUInt64((SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage')) AS limit_bytes
