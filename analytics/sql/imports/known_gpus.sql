-- GPUs of nodes, as agents or an inventory know them.
SELECT host, toUInt16(argMax(gpus, known_at)) AS gpus
FROM (
  SELECT host, gpus_expected_last AS gpus, day AS known_at FROM kpi_day FINAL
  WHERE cluster = {cluster:String} AND retired = 0 AND kpi_day.node_minutes > 0
  UNION ALL
  SELECT host, gpus_expected, ts FROM presence
  WHERE cluster = {cluster:String} AND ts >= (SELECT closed FROM presence_rolled) AND gpus_expected > 0
  UNION ALL
  SELECT host, toUInt16(least(uniqExact(subject), 65535)), toDateTime64(1, 3, 'UTC') FROM inventory
  WHERE cluster = {cluster:String} AND subject_kind = 'gpu' GROUP BY host
)
GROUP BY host
ORDER BY host
