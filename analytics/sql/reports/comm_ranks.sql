-- Ranks of chosen jobs (JSON array of ids) at the newest capture of each that has rows of single ranks: how their exposed shares
-- spread, and the nodes of those that the others wait for.
SELECT
  job_id,
  max(until) AS at,
  toUInt32(uniqExact(rank)) AS ranks_told,
  quantileExact(0.5)(assumeNotNull(exposed_ratio)) AS median,
  min(assumeNotNull(exposed_ratio)) AS low,
  max(assumeNotNull(exposed_ratio)) AS high,
  arraySlice(arraySort(groupUniqArrayIf((toString(rank), toString(host)), has(splitByChar(',', late_now), toString(rank)))), 1, 16) AS late_hosts
FROM (
  SELECT job_id, source, ts, until, rank, host, exposed_ratio
  FROM collective FINAL
  WHERE cluster = {cluster:String} AND scope = 'rank' AND isNotNull(exposed_ratio) AND grade = 'exact'
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    AND job_id IN (SELECT arrayJoin(JSONExtract({jobs:String}, 'Array(String)')))
  SETTINGS do_not_merge_across_partitions_select_final = 1
) AS each
INNER JOIN (
  SELECT job_id, argMax(source, ts) AS source, max(ts) AS begins, argMax(until, ts) AS ends, argMax(late, ts) AS late_now
  FROM comm_job_window(
    cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, jobs = {jobs:String})
  WHERE held_grade = 'exact'
  GROUP BY job_id
) AS newest USING (job_id, source)
WHERE each.ts >= newest.begins - INTERVAL 1 MINUTE AND each.ts < newest.ends + INTERVAL 1 MINUTE
GROUP BY job_id
ORDER BY job_id
