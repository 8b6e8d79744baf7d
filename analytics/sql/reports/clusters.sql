-- Clusters that the store knows, with the first and last moment of evidence about each.
SELECT cluster, min(first) AS first_ts, max(last) AS last_ts
FROM (
  SELECT cluster, min(ts) AS first, max(ts) + INTERVAL 1 MINUTE AS last FROM presence GROUP BY cluster
  UNION ALL
  SELECT cluster, min(since) AS first, max(until) AS last FROM exposure FINAL WHERE retired = 0 GROUP BY cluster
  UNION ALL
  SELECT cluster, min(opened_at) AS first, max(ifNull(period_until, opened_at + INTERVAL 1 MILLISECOND)) AS last
  FROM incident_current GROUP BY cluster
)
GROUP BY cluster
ORDER BY cluster
