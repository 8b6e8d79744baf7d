-- Hosts that a rollup knows in one hour or day.
SELECT cluster, host, count() AS rows
FROM {rollup:Identifier} FINAL
WHERE {period:Identifier} = {since:DateTime64(3, 'UTC')} AND retired = 0
GROUP BY cluster, host
ORDER BY cluster, host
