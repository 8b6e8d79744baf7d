-- Runs of jobs within a window: a job on all its nodes, from the first start to the last end. Rows of one job that overlap are one
-- run, whoever told them; a requeue is a new one. A run that goes on is cut at the end of the window, and `ended` is 0.
CREATE OR REPLACE VIEW job_run_between AS
SELECT
  job_id,
  run,
  max(host_owner) AS run_owner,
  greatest(min(host_begins), {since:DateTime64(3, 'UTC')}) AS begins,
  least(max(host_ends), {until:DateTime64(3, 'UTC')}) AS ends,
  toUInt8(min(host_ended) = 1 AND max(host_ends) < {until:DateTime64(3, 'UTC')}) AS ended,
  toUInt32(sum(host_gpus)) AS gpus,
  min(host_eligible) AS eligible
FROM (
  SELECT job_id, run, host, max(owner) AS host_owner, min(ts) AS host_begins, max(stops) AS host_ends,
    min(toUInt8(isNotNull(ended_at))) AS host_ended, max(job_rows.gpus) AS host_gpus, min(eligible_at) AS host_eligible
  FROM (
    SELECT *, sum(is_new) OVER (
      PARTITION BY job_id ORDER BY ts, host ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
    FROM (
      SELECT job_id, host, ts, owner, job.gpus AS gpus, ended_at, eligible_at, stops,
        toUInt8(ts >= max(stops) OVER (
          PARTITION BY job_id ORDER BY ts, host ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS is_new
      FROM (
        SELECT *, ifNull(ended_at, {until:DateTime64(3, 'UTC')}) AS stops
        FROM job FINAL
        WHERE cluster = {cluster:String} AND ts < {until:DateTime64(3, 'UTC')}
      ) AS job
    )
  ) AS job_rows
  WHERE stops > {since:DateTime64(3, 'UTC')}
  GROUP BY job_id, run, host
)
GROUP BY job_id, run
SETTINGS do_not_merge_across_partitions_select_final = 1;
