-- What is known of each node beside its faults, for the ranking of lemons: incidents of the window by their root.
SELECT
  node, sum(episodes) AS xid_episodes, countIf(isNotNull(service_lost_at)) AS times_out,
  sumIf(jobs_ended, nodes_affected > 1) AS multi_node_failures, sumIf(jobs_ended, nodes_affected = 1) AS single_node_failures
FROM incident_current
WHERE cluster = {cluster:String} AND node != '' AND dated = 1 AND domain != 'planned'
  AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
GROUP BY node
ORDER BY node
