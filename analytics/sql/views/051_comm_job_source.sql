-- Exposed communication of jobs within a window: one line a job, source and grade, means over its windows weighted by their time.
-- `jobs` is a JSON array of ids, or empty for all. `preference` orders the lines of a job, the best first: exact over all ranks, A,
-- B, exact over some ranks, C, D, nothing. Grades C and D have no `value`, whatever their rows say; a row without an interval has
-- no grade. `ranks` is the least over the windows.
CREATE OR REPLACE VIEW comm_job_source AS
SELECT
  job_id, source, held_grade, preference,
  toUInt32(count()) AS windows,
  min(ts) AS first_ts,
  max(until) AS last_until,
  sum(lasted_h) AS window_hours,
  toUInt64(sum(ifNull(steps, 0))) AS steps_seen,
  min(ranks) AS ranks_seen,
  max(world_size) AS ranks_of_job,
  if(held_grade IN ('exact', 'A', 'B'), avgWeighted(exposed_ratio, weight), NULL) AS value,
  avgWeighted(low_end, weight) AS low,
  avgWeighted(high_end, weight) AS high,
  avgWeighted(total_ratio, weight) AS total,
  argMax(total_mark, ts) AS mark,
  avgWeighted(overlap, weight) AS hidden,
  avgWeighted(waiting, weight) AS wait,
  avgWeighted(moved, weight) AS transfer,
  avgWeighted(fused, weight) AS fused_share,
  avgWeighted(idle, weight) AS idle_share,
  avgWeighted(busbw_gbs, weight) AS busbw,
  argMax(reason, ts) AS why,
  argMax(layout, ts) AS layout_now,
  toUInt32(uniqExact(layout, world_size)) AS layouts,
  argMax(gpu_model, ts) AS model,
  if(held_grade IN ('exact', 'A', 'B'), argMax(median_rank, ts), NULL) AS median_over,
  if(held_grade IN ('exact', 'A', 'B'), argMax(low_rank, ts), NULL) AS low_over,
  if(held_grade IN ('exact', 'A', 'B'), argMax(high_rank, ts), NULL) AS high_over
FROM comm_job_window(
  cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, jobs = {jobs:String})
GROUP BY job_id, source, held_grade, preference;
