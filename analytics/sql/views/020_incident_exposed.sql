-- Standing incidents with `exposed`: 0 for a dated one that no exposure stands against, that is before an agent watched its
-- node, and outside the time that imports state for its node or for the whole fleet. No rate may count those. Where nothing is
-- stated at all there is no rate either, and an imported incident is shown as exposed.
CREATE OR REPLACE VIEW incident_exposed AS
SELECT
  incident_current.*,
  toUInt8(dated = 0
    OR ifNull(toStartOfMinute(opened_at) >= first_minute, 0)
    OR ifNull(opened_at >= node_since AND opened_at < node_until, 0)
    OR ifNull(opened_at >= fleet_since AND opened_at < fleet_until, 0)
    OR (source != 'events' AND (isNull(any_since)
      OR (node = '' AND ifNull(opened_at >= any_since AND opened_at < any_until, 0))))
  ) AS exposed
FROM incident_current
LEFT JOIN (
  SELECT cluster AS w_cluster, host AS w_host, toNullable(min(first)) AS first_minute
  FROM (
    SELECT cluster, host, kpi_day.first_minute AS first FROM kpi_day FINAL
    WHERE retired = 0 AND day < (SELECT closed FROM presence_rolled)
    UNION ALL
    SELECT cluster, host, min(ts) FROM presence WHERE ts >= (SELECT closed FROM presence_rolled) GROUP BY cluster, host
    UNION ALL
    SELECT cluster, host, min(ts) FROM presence WHERE ingested_at >= (SELECT settled FROM presence_rolled) GROUP BY cluster, host
  )
  GROUP BY cluster, host
) AS watched ON watched.w_cluster = incident_current.cluster AND watched.w_host = incident_current.node
LEFT JOIN (
  SELECT cluster AS n_cluster, node AS n_node, toNullable(min(since)) AS node_since, toNullable(max(until)) AS node_until
  FROM exposure FINAL WHERE retired = 0 AND node != '' GROUP BY cluster, node
) AS by_node ON by_node.n_cluster = incident_current.cluster AND by_node.n_node = incident_current.node
LEFT JOIN (
  SELECT cluster AS f_cluster,
    toNullable(minIf(since, node = '')) AS fleet_since, toNullable(maxIf(until, node = '')) AS fleet_until,
    toNullable(min(since)) AS any_since, toNullable(max(until)) AS any_until
  FROM exposure FINAL WHERE retired = 0 GROUP BY cluster
) AS fleet ON fleet.f_cluster = incident_current.cluster;
