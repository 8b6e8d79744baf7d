-- Jobs whose owners excluded a node, by node.
SELECT node, uniqExact(job_id) AS jobs
FROM (
  SELECT job_id, arrayJoin(arrayDistinct(splitByChar(',', assumeNotNull(excluded_nodes)))) AS node
  FROM job FINAL
  WHERE cluster = {cluster:String} AND isNotNull(excluded_nodes) AND excluded_nodes != ''
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
)
GROUP BY node
ORDER BY node
