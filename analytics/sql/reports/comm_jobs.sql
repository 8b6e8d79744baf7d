-- Jobs by their best line on exposed communication: the `top` ones with the most GPU-hours by themselves, the others summed by size,
-- model of GPU and grade. GPU-hours are those of the scheduler; of a job that none told of, ranks times the windows looked at.
-- `edges` as in times_job_sizes. A share counts by the hours of its job; *_bins are per cent, rounded up, of the ends of intervals.
WITH
  sumMapIf([toUInt8(least(100, ceil(100 * ifNull(low, 0) - 1e-9)))], [hours], isNotNull(low)) AS low_map,
  sumMapIf([toUInt8(least(100, ceil(100 * ifNull(high, 0) - 1e-9)))], [hours], isNotNull(high)) AS high_map
SELECT
  if(place <= {top:UInt16}, job_id, '') AS job,
  band, kind, held_grade, preference, whole,
  toUInt32(count()) AS jobs,
  sum(hours) AS gpu_hours,
  toUInt32(countIf(told)) AS told_jobs,
  max(size) AS gpus,
  sumOrNull(value * hours) AS value_hours,
  sumOrNull(low * hours) AS low_hours,
  sumOrNull(high * hours) AS high_hours,
  [sumIf(hours, ifNull(high, 2) <= {low_line:Float64}),
   sumIf(hours, ifNull(low > {low_line:Float64} AND high <= {high_line:Float64}, 0)),
   sumIf(hours, ifNull(low > {high_line:Float64}, 0))] AS side_hours,
  low_map.1 AS low_percents, low_map.2 AS low_weights, high_map.1 AS high_percents, high_map.2 AS high_weights
FROM (
  SELECT *,
    row_number() OVER (ORDER BY hours DESC, job_id) AS place,
    toUInt32(arrayCount(edge -> size >= edge, JSONExtract({edges:String}, 'Array(UInt32)'))) AS band
  FROM (
    SELECT
      job_id, model AS kind, held_grade, preference, value, low, high,
      toUInt8(ifNull(ranks_seen >= ranks_of_job, 0)) AS whole,
      run_gpus > 0 AS told,
      if(told, run_gpus, ifNull(ranks_of_job, ifNull(ranks_seen, 0))) AS size,
      if(told, run_hours, size * looked_hours) AS hours
    FROM (
      SELECT job_id, source, held_grade, preference, value, low, high, ranks_seen, ranks_of_job, model, window_hours, greatest(
        sumIf(window_hours, source = 'telemetry') OVER (PARTITION BY job_id),
        maxIf(window_hours, source != 'telemetry') OVER (PARTITION BY job_id)) AS looked_hours
      FROM comm_job_source(
        cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, jobs = '')
      ORDER BY job_id, preference, window_hours DESC, source
      LIMIT 1 BY job_id
    ) AS best
    LEFT JOIN (
      SELECT job_id AS run_id, sum(gpus * lasted_ms) / 3600000 AS run_hours, argMax(gpus, lasted_ms) AS run_gpus
      FROM (
        SELECT job_id, gpus, dateDiff('millisecond', begins, ends) AS lasted_ms
        FROM job_run_between(
          cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
      )
      GROUP BY job_id
    ) AS held ON held.run_id = best.job_id
  )
)
GROUP BY job, band, kind, held_grade, preference, whole
ORDER BY gpu_hours DESC, job, band, kind, preference, whole
