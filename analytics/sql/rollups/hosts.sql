-- Hosts that have rows of one hour or day stored since a moment, and how many.
SELECT cluster, host, count() AS rows
FROM {source:Identifier}
WHERE ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  AND ingested_at >= {stored_since:DateTime64(3, 'UTC')}
GROUP BY cluster, host
ORDER BY cluster, host
