-- The last incident of each root that opened before a moment, for what may be its repeat.
SELECT node, element, argMax(incident_id, opened_at) AS incident_id, argMax(toNullable(closed_at), opened_at) AS closed
FROM (
  SELECT node, ifNull(element, '') AS element, incident_id, opened_at, assumeNotNull(closed_at) AS closed_at
  FROM incident FINAL
  WHERE cluster = {cluster:String} AND source = 'events' AND retired = 0 AND class != 'planned' AND isNotNull(closed_at)
    AND opened_at < {cut:DateTime64(3, 'UTC')} AND closed_at >= {since:DateTime64(3, 'UTC')}
)
GROUP BY node, element
