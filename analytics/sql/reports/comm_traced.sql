-- What the newest exact capture of chosen jobs (JSON array of ids) says beside its shares, over the nodes that handed it over: families
-- of kernels that communicate and names that no rule knows, the longest times first; the rank for which others waited longest; the tables
-- of names that were used. `families_told` and `unplaced_told`: every node told of them, so that an empty list is none.
SELECT
  job_id, at, told_by,
  arrayMap(one -> one.2, arraySlice(arraySort(arrayZip(arrayMap(time -> -toInt64(time), by_time.2), by_time.1)), 1, 8)) AS families,
  arrayMap(one -> one.2, arraySlice(arraySort(arrayZip(arrayMap(time -> -toInt64(time), by_place.2), by_place.1)), 1, 8)) AS unplaced,
  families_told, unplaced_told, waited_for, waited_for_share, tables
FROM (
  SELECT
    job_id,
    max(until) AS at,
    any(source) AS told_by,
    sumMap(mapKeys(families_ns), mapValues(families_ns)) AS by_time,
    sumMap(names, arrayMap(place -> toUInt64(9 - place), arrayEnumerate(names))) AS by_place,
    min(JSONHas(fields, 'families')) AS families_told,
    min(JSONHas(fields, 'unplaced')) AS unplaced_told,
    argMax(rank_waited_for, rank_share * waits_ns) AS waited_for,
    argMax(rank_share, rank_share * waits_ns) AS waited_for_share,
    arraySort(groupUniqArrayIf(8)(kernel_table, kernel_table != '')) AS tables
  FROM (
    SELECT
      job_id, source, ts, until, fields, toFloat64(ifNull(wait_ns, 0)) * ifNull(ranks, 1) AS waits_ns,
      JSONExtract(fields, 'families', 'Map(String, UInt64)') AS families_ns,
      arraySlice(JSONExtract(fields, 'unplaced', 'Array(String)'), 1, 8) AS names,
      JSONExtract(fields, 'waited_for', 'Nullable(Int64)') AS rank_waited_for,
      JSONExtract(fields, 'waited_for_share', 'Nullable(Float64)') AS rank_share,
      JSONExtractString(fields, 'kernel_table') AS kernel_table
    FROM collective FINAL
    WHERE cluster = {cluster:String} AND scope = 'job' AND source != 'telemetry' AND grade = 'exact'
      AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
      AND job_id IN (SELECT arrayJoin(JSONExtract({jobs:String}, 'Array(String)')))
    SETTINGS do_not_merge_across_partitions_select_final = 1
  ) AS each
  INNER JOIN (
    SELECT job_id, argMax(source, ts) AS source, max(ts) AS begins, argMax(until, ts) AS ends
    FROM comm_job_window(
      cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, jobs = {jobs:String})
    WHERE held_grade = 'exact'
    GROUP BY job_id
  ) AS newest USING (job_id, source)
  WHERE each.ts >= newest.begins - INTERVAL 1 MINUTE AND each.ts < newest.ends + INTERVAL 1 MINUTE
  GROUP BY job_id
)
ORDER BY job_id
