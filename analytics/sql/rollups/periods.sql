-- Hours or days that have rows stored since a moment, counted from 1970.
SELECT DISTINCT intDiv(toUnixTimestamp64Milli(ts), {step_ms:UInt32}) AS number
FROM {source:Identifier}
WHERE ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  AND ingested_at >= {stored_since:DateTime64(3, 'UTC')}
ORDER BY number
