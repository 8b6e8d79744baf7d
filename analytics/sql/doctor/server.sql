-- The server by its own account, and its clock.
SELECT version() AS version, currentUser() AS user, toUInt64(uptime()) AS uptime_s, now64(3, 'UTC') AS now,
  toUInt8(getSetting('readonly')) AS readonly
