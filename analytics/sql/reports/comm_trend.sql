-- Exposed communication of chosen jobs (JSON array of ids) over their time: at most `points` for exact rows and as many for telemetry.
-- Windows that share a point are means of the grade and configuration that the most of its time has; they are never mixed.
SELECT job_id, source, held_grade, layout, ranks_of_job, at, windows, value, low, high, wait, transfer, busbw, late_ranks
FROM (
  SELECT
    job_id, source, held_grade, preference, layout, world_size AS ranks_of_job, is_exact, bucket,
    min(ts) AS at,
    toUInt32(count()) AS windows,
    if(held_grade IN ('exact', 'A', 'B'), avgWeighted(exposed_ratio, weight), NULL) AS value,
    avgWeighted(low_end, weight) AS low,
    avgWeighted(high_end, weight) AS high,
    avgWeighted(waiting, weight) AS wait,
    avgWeighted(moved, weight) AS transfer,
    avgWeighted(busbw_gbs, weight) AS busbw,
    substring(arrayStringConcat(groupUniqArray(8)(late), ','), 1, 2000) AS late_ranks,
    sum(lasted_h) AS held_hours
  FROM (
    SELECT *,
      source != 'telemetry' AS is_exact,
      intDiv(
        dateDiff('millisecond', min(ts) OVER (PARTITION BY job_id), ts) * {points:UInt16},
        dateDiff('millisecond', min(ts) OVER (PARTITION BY job_id), max(ts) OVER (PARTITION BY job_id)) + 1) AS bucket
    FROM comm_job_window(
      cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, jobs = {jobs:String})
    WHERE held_grade != 'none'
  )
  GROUP BY job_id, source, held_grade, preference, layout, world_size, is_exact, bucket
  ORDER BY job_id, is_exact, bucket, held_hours DESC, preference, source, layout
  LIMIT 1 BY job_id, is_exact, bucket
)
ORDER BY job_id, is_exact, at
