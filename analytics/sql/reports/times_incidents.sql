-- Unexpected dated incidents of the window, the newest first: the jobs that they ended or hung, when nodes went and came back, and
-- when somebody named the part, by draining the node or by taking the incident in hand.
SELECT
  incident_id,
  class AS cls,
  cause,
  toUnixTimestamp64Milli(opened_at) AS first_signal_ms,
  toUnixTimestamp64Milli(service_lost_at) AS lost_ms,
  toUnixTimestamp64Milli(service_back_at) AS back_ms,
  toUnixTimestamp64Milli(acted.first_at) AS acted_ms,
  JSONExtract(ifNull(jobs, '[]'), 'Array(String)') AS job_ids
FROM incident_current
LEFT JOIN (
  SELECT incident_id AS acted_id, toNullable(min(at)) AS first_at
  FROM incident_action FINAL
  WHERE cluster = {cluster:String} AND action IN ('ack', 'repair')
  GROUP BY incident_id
) AS acted ON acted.acted_id = incident_current.incident_id
WHERE cluster = {cluster:String} AND domain != 'planned' AND impact = 'fault' AND dated = 1
  AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
  AND (job_ids != [] OR isNotNull(lost_ms))
ORDER BY opened_at DESC, incident_id
LIMIT {top:UInt32}
