-- The server's disks.
SELECT name, path, toUInt64(free_space) AS free_bytes, toUInt64(total_space) AS total_bytes,
  toUInt8(is_read_only) AS read_only, toUInt8(is_broken) AS broken
FROM system.disks
ORDER BY name
