-- Dated incidents in the window, newest first.
SELECT opened_at, closed_at, domain, class AS cls, cause, impact, node, gpu, nodes_affected, episodes, signals, repeat_of, note
FROM incident_current
WHERE cluster = {cluster:String} AND dated = 1
  AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
ORDER BY opened_at DESC, incident_id
LIMIT {top:UInt16}
