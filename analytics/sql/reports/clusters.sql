-- Clusters that the store knows, with the first and last moment of evidence about each. Days that were rolled up are read there;
-- rows that the rollup may not have yet are read besides.
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  (SELECT settled FROM presence_rolled) AS settled
SELECT cluster, min(first) AS first_ts, max(last) AS last_ts
FROM (
  SELECT cluster, min(first_minute) AS first, max(last_minute) + INTERVAL 1 MINUTE AS last
  FROM kpi_day FINAL WHERE retired = 0 AND day < closed GROUP BY cluster
  UNION ALL
  SELECT cluster, min(ts) AS first, max(ts) + INTERVAL 1 MINUTE AS last FROM presence WHERE ts >= closed GROUP BY cluster
  UNION ALL
  SELECT cluster, min(ts) AS first, max(ts) + INTERVAL 1 MINUTE AS last FROM presence WHERE ingested_at >= settled GROUP BY cluster
  UNION ALL
  SELECT cluster, min(since) AS first, max(until) AS last FROM exposure FINAL WHERE retired = 0 GROUP BY cluster
  UNION ALL
  SELECT cluster, min(opened_at) AS first, max(ifNull(period_until, opened_at + INTERVAL 1 MILLISECOND)) AS last
  FROM incident_current GROUP BY cluster
)
GROUP BY cluster
ORDER BY cluster
