-- Standing incidents with the exposures that stand against them, one flag for each. `watched`: installed GPU time does. 0 for a
-- dated one before an agent watched its node, and outside the time that imports state for its node or for the whole fleet: no rate
-- may count those. Where nothing is stated at all there is no rate either, and an imported incident is shown as watched. A node
-- that no agent watches is watched by the source that tells its state. A fabric element, or a job, was watched if the first node
-- that it hit was. `exposed`: time in service does, so the root was not out of service just before. `on_job`: time of jobs does:
-- a job held the root; where nobody told of jobs every fault is taken to have hit one, and where a scheduler told, no word is none.
CREATE OR REPLACE VIEW incident_exposed AS
SELECT
  incident_current.*,
  toUInt8(dated = 0
    OR ifNull(toStartOfMinute(opened_at) >= first_minute, 0)
    OR ifNull(opened_at >= node_since AND opened_at < node_until, 0)
    OR ifNull(opened_at >= fleet_since AND opened_at < fleet_until, 0)
    OR (source != 'events' AND (isNull(any_since)
      OR (node = '' AND ifNull(opened_at >= any_since AND opened_at < any_until, 0))))) AS watched,
  toUInt8(watched = 1 AND (dated = 0 OR ifNull(in_service_before, 1) = 1)) AS exposed,
  toUInt8(exposed = 1 AND (dated = 0 OR ifNull(allocated_before, NOT ifNull(opened_at >= jobs_since AND opened_at < jobs_until, 0)))) AS on_job
FROM (
  SELECT *, if(node != '', node, JSONExtractString(ifNull(nodes, '[]'), 1)) AS seen_at FROM incident_current
) AS incident_current
LEFT JOIN (
  SELECT cluster AS w_cluster, host AS w_host, toNullable(min(first)) AS first_minute
  FROM (
    SELECT cluster, host, kpi_day.first_minute AS first FROM kpi_day FINAL
    WHERE retired = 0 AND day < (SELECT closed FROM presence_rolled)
      AND host IN (SELECT if(node != '', node, JSONExtractString(ifNull(nodes, '[]'), 1)) FROM incident)
    UNION ALL
    SELECT cluster, host, min(ts) FROM presence WHERE ts >= (SELECT closed FROM presence_rolled) GROUP BY cluster, host
    UNION ALL
    SELECT cluster, host, min(ts) FROM presence WHERE ingested_at >= (SELECT settled FROM presence_rolled) GROUP BY cluster, host
    UNION ALL
    SELECT cluster, host, min(since) FROM node_state FINAL
    WHERE retired = 0 AND state != 'unknown'
      AND (cluster, host) NOT IN (
        SELECT cluster, host FROM kpi_day FINAL
        WHERE retired = 0 AND kpi_day.node_minutes > 0 AND host IN (SELECT host FROM node_state))
      AND (cluster, host) NOT IN (
        SELECT cluster, host FROM presence
        WHERE ts >= (SELECT closed FROM presence_rolled) AND host IN (SELECT host FROM node_state))
    GROUP BY cluster, host
  )
  GROUP BY cluster, host
) AS spoke ON spoke.w_cluster = incident_current.cluster AND spoke.w_host = incident_current.seen_at
LEFT JOIN (
  SELECT cluster AS n_cluster, node AS n_node, toNullable(min(since)) AS node_since, toNullable(max(until)) AS node_until
  FROM exposure FINAL WHERE retired = 0 AND node != '' GROUP BY cluster, node
) AS by_node ON by_node.n_cluster = incident_current.cluster AND by_node.n_node = incident_current.seen_at
LEFT JOIN (
  SELECT cluster AS f_cluster,
    toNullable(minIf(since, node = '')) AS fleet_since, toNullable(maxIf(until, node = '')) AS fleet_until,
    toNullable(min(since)) AS any_since, toNullable(max(until)) AS any_until
  FROM exposure FINAL WHERE retired = 0 GROUP BY cluster
) AS fleet ON fleet.f_cluster = incident_current.cluster
LEFT JOIN (
  SELECT cluster AS j_cluster, day AS j_day, toNullable(min(since)) AS jobs_since, toNullable(max(until)) AS jobs_until
  FROM told FINAL WHERE subject = 'jobs' GROUP BY cluster, day
) AS jobs_told ON jobs_told.j_cluster = incident_current.cluster AND jobs_told.j_day = toStartOfDay(incident_current.opened_at);
