-- Nodes whose inventory says when they were powered on: their last word about themselves, and the GPUs that they have.
SELECT
  host,
  argMax(fields, ts) AS facts,
  toUInt32(any(gpus)) AS node_gpus
FROM inventory
LEFT JOIN (
  SELECT host, uniqExact(subject) AS gpus FROM inventory
  WHERE cluster = {cluster:String} AND subject_kind = 'gpu' GROUP BY host
) AS holds ON holds.host = inventory.host
WHERE cluster = {cluster:String} AND subject_kind = 'node' AND JSONHas(fields, 'powered_on_at')
GROUP BY host
ORDER BY host
LIMIT {top:UInt32}
