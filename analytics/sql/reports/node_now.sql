-- State and rack of every node as last said before the end of the window.
SELECT node, max(state_said) AS state, max(rack_said) AS rack
FROM (
  SELECT host AS node, argMax(state, (since, source)) AS state_said, '' AS rack_said
  FROM node_state FINAL
  WHERE cluster = {cluster:String} AND retired = 0 AND since < {until:DateTime64(3, 'UTC')}
  GROUP BY host
  UNION ALL
  SELECT host, '', argMax(rack, ts)
  FROM node_place_attribute
  WHERE cluster = {cluster:String} AND ts < {until:DateTime64(3, 'UTC')}
  GROUP BY host
)
GROUP BY node
ORDER BY node
