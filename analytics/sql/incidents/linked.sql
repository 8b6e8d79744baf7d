-- Hosts that may share an incident with those named, from a moment on: by a standing incident, by a job that ended, by a fabric
-- element, or by planned work, of which an incident names only its first nodes; with the moment from which they do. Work that was
-- announced for one reason is one piece as long as its nodes follow each other within {together_ms}. A program's code is judged by
-- what its GPU shows days later too.
SELECT host, assumeNotNull(min(moment)) AS earliest
FROM (
  SELECT arrayJoin(arrayPushBack(JSONExtract(ifNull(nodes, '[]'), 'Array(String)'), node)) AS host, opened_at AS moment
  FROM incident FINAL
  WHERE cluster = {cluster:String} AND source = 'events' AND retired = 0
    AND (isNull(closed_at) OR closed_at >= {since:DateTime64(3, 'UTC')})
    AND (hasAny(JSONExtract(ifNull(nodes, '[]'), 'Array(String)'), JSONExtract({hosts:String}, 'Array(String)'))
      OR node IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
      OR element IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
  UNION ALL
  SELECT node, opened_at
  FROM incident FINAL
  WHERE cluster = {cluster:String} AND source = 'events' AND retired = 0 AND opened_at >= {shared:DateTime64(3, 'UTC')}
    AND (class = 'user' OR startsWith(ifNull(reason, ''), 'jobs of '))
    AND node IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
  UNION ALL
  SELECT host, ended_at FROM job FINAL
  WHERE cluster = {cluster:String} AND ended_at >= {since:DateTime64(3, 'UTC')} AND NOT startsWith(end_state, 'COMPLETED')
    AND (job_id, ts) IN (
      SELECT job_id, ts FROM job FINAL
      WHERE cluster = {cluster:String} AND ended_at >= {since:DateTime64(3, 'UTC')} AND NOT startsWith(end_state, 'COMPLETED')
        AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
  UNION ALL
  SELECT host, ts FROM event
  WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND JSONExtractString(fields, 'element') IN (
    SELECT DISTINCT JSONExtractString(fields, 'element') FROM event
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND JSONExtractString(fields, 'element') != ''
      AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
  UNION ALL
  SELECT host, since FROM node_state
  WHERE cluster = {cluster:String} AND state = 'planned' AND (reason, intDiv(toUnixTimestamp64Milli(since), {together_ms:UInt32})) IN (
    SELECT why, arrayJoin([slot - 1, slot, slot + 1])
    FROM (
      SELECT reason AS why, intDiv(toUnixTimestamp64Milli(since), {together_ms:UInt32}) AS slot FROM node_state
      WHERE cluster = {cluster:String} AND state = 'planned' AND since >= {since:DateTime64(3, 'UTC')}
        AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
      UNION ALL
      SELECT argMax(reason, since), intDiv(toUnixTimestamp64Milli(max(since)), {together_ms:UInt32}) FROM node_state FINAL
      WHERE cluster = {cluster:String} AND retired = 0 AND state != 'unknown' AND since < {since:DateTime64(3, 'UTC')}
        AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
      GROUP BY host
      HAVING argMax(state, since) = 'planned'
    ))
)
WHERE host != ''
GROUP BY host
