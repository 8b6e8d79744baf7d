-- Incidents that an operator closed and did not open again: root and moment.
SELECT node AS root, max(at) AS closed
FROM incident_action FINAL
WHERE cluster = {cluster:String} AND action IN ('close', 'reopen')
GROUP BY incident_id, node
HAVING argMax(action, at) = 'close'
ORDER BY root, closed
