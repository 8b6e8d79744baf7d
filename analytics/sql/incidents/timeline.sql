-- What happened on some nodes in a time: their signals, states and job ends, in order.
SELECT at, node, what, words, times
FROM (
  SELECT ts AS at, host AS node, trim(concat(kind, ' ', code)) AS what, text AS words, count AS times
  FROM event FINAL
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')} AND severity IN ('warn', 'fail')
  UNION ALL
  SELECT since, host, concat('state ', state), trim(concat(raw_state, ' ', reason)), 1
  FROM node_state FINAL
  WHERE cluster = {cluster:String} AND retired = 0 AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND since >= {since:DateTime64(3, 'UTC')} AND since < {until:DateTime64(3, 'UTC')}
  UNION ALL
  SELECT max(assumeNotNull(ended_at)), min(host), 'job ended', concat(job_id, ' ', anyLast(end_state)), count()
  FROM job FINAL
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND ended_at >= {since:DateTime64(3, 'UTC')} AND ended_at < {until:DateTime64(3, 'UTC')}
  GROUP BY job_id, ts
)
ORDER BY at, node, what
LIMIT {top:UInt32}
