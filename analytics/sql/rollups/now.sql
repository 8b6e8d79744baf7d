-- The server's clock, which also stamps what it stores.
SELECT toUnixTimestamp64Milli(now64(3)) AS now_ms
