-- Nodes by what they had in the window, the worst first. Faults are those that the headline counts (the view incident_exposed); what
-- came before anybody watched the node, or while it was out of service, is among its incidents.
SELECT
  node, sumIf(count, domain = 'infrastructure' AND impact = 'fault' AND exposed = 1) AS faults, sum(count) AS incidents, countIf(isNull(closed_at)) AS open_now,
  sumIf(dateDiff('second', greatest(service_lost_at, {since:DateTime64(3, 'UTC')}),
    least(ifNull(service_back_at, {until:DateTime64(3, 'UTC')}), {until:DateTime64(3, 'UTC')})), isNotNull(service_lost_at)) / 3600 AS out_h,
  argMax(cause, opened_at) AS last_cause
FROM incident_exposed
WHERE cluster = {cluster:String} AND dated = 1 AND node != '' AND domain NOT IN ('planned', 'user')
  AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
GROUP BY node
ORDER BY faults DESC, incidents DESC, node
LIMIT {top:UInt16}
