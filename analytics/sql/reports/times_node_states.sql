-- What was said of each node's state, in order, with the GPUs that it has by inventory, agent or jobs (missing where none tells).
-- A state holds until the next word of anybody about the node.
SELECT host, states, gpus
FROM (
  SELECT host, arraySort(change -> (change.1, change.3), groupArray((toUnixTimestamp64Milli(since), state, source))) AS states
  FROM node_state FINAL
  WHERE cluster = {cluster:String} AND retired = 0 AND since < {until:DateTime64(3, 'UTC')}
  GROUP BY host
) AS said
LEFT JOIN (
  SELECT host, toNullable(toUInt32(max(ifNull(told, 0)))) AS gpus
  FROM (
    SELECT host, max(node_state.gpus) AS told FROM node_state
    WHERE cluster = {cluster:String} AND retired = 0 GROUP BY host
    UNION ALL
    SELECT host, uniqExact(subject) FROM inventory
    WHERE cluster = {cluster:String} AND subject_kind = 'gpu' GROUP BY host
    UNION ALL
    SELECT host, max(gpus_expected_last) FROM kpi_day WHERE cluster = {cluster:String} AND retired = 0 GROUP BY host
    UNION ALL
    SELECT host, max(job.gpus) FROM job WHERE cluster = {cluster:String} GROUP BY host
  )
  WHERE told > 0
  GROUP BY host
) AS holds ON holds.host = said.host
ORDER BY host
LIMIT {top:UInt32}
