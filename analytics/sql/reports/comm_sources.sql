-- What each source says of chosen jobs (JSON array of ids), the best line of a job first.
SELECT
  job_id, source, held_grade, preference, windows, first_ts, last_until, window_hours, steps_seen, ranks_seen, ranks_of_job, value,
  low, high, total, mark, hidden, wait, transfer, fused_share, idle_share, busbw, why, layout_now, layouts, model, median_over, low_over,
  high_over
FROM comm_job_source(
  cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, jobs = {jobs:String})
ORDER BY job_id, preference, window_hours DESC, source
LIMIT 8 BY job_id
