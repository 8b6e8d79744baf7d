-- The oldest row that node-days are computed from, whatever its table.
SELECT min(at) AS oldest
FROM (
  SELECT minOrNull(ts) AS at FROM presence
  UNION ALL
  SELECT minOrNull(since) FROM node_state
  UNION ALL
  SELECT minOrNull(since) FROM told
)
