-- Clusters that the store knows, with the first and last moment of evidence about each. Days that were rolled up are read there;
-- rows that the rollup may not have yet are read besides. What traces tell of communication counts where there is nothing else: their
-- clocks may be anybody's.
WITH
  (SELECT closed FROM presence_rolled) AS closed,
  (SELECT settled FROM presence_rolled) AS settled
SELECT cluster,
  if(max(is_witness), minIf(first, is_witness), min(first)) AS first_ts,
  if(max(is_witness), maxIf(last, is_witness), max(last)) AS last_ts
FROM (
  SELECT cluster, min(first_minute) AS first, max(last_minute) + INTERVAL 1 MINUTE AS last, 1 AS is_witness
  FROM kpi_day FINAL WHERE retired = 0 AND kpi_day.node_minutes > 0 AND day < closed GROUP BY cluster
  UNION ALL
  SELECT cluster, min(ts) AS first, max(ts) + INTERVAL 1 MINUTE AS last, 1 AS is_witness FROM presence WHERE ts >= closed GROUP BY cluster
  UNION ALL
  SELECT cluster, min(ts) AS first, max(ts) + INTERVAL 1 MINUTE AS last, 1 AS is_witness FROM presence WHERE ingested_at >= settled GROUP BY cluster
  UNION ALL
  SELECT cluster, min(since) AS first, max(until) AS last, 1 AS is_witness FROM told FINAL GROUP BY cluster
  UNION ALL
  SELECT cluster, min(since) AS first, max(until) AS last, 1 AS is_witness FROM exposure FINAL WHERE retired = 0 GROUP BY cluster
  UNION ALL
  SELECT cluster, min(opened_at) AS first, max(ifNull(period_until, opened_at + INTERVAL 1 MILLISECOND)) AS last, 1 AS is_witness
  FROM incident_current GROUP BY cluster
  UNION ALL
  SELECT cluster, min(ts) AS first, max(until) AS last, 0 AS is_witness FROM collective WHERE scope = 'job' GROUP BY cluster
)
GROUP BY cluster
ORDER BY cluster
