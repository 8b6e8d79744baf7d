-- Runs of jobs since a moment: those that ended in a way their owner may not have wanted, and those that held a node which has
-- signals. A run is one job from one start. Of a job that both an agent and a scheduler told of, the scheduler's word counts.
SELECT
  job_id, argMax(owner, (isNotNull(ended_at), host)) AS owner, arraySort(groupUniqArray(host)) AS nodes, sum(gpus) AS gpus, ts AS started,
  max(ended_at) AS ended, argMax(end_state, (isNotNull(ended_at), host)) AS end_state, max(exit_code) AS exit_code, max(wanted_end) AS wanted_end
FROM job FINAL
WHERE cluster = {cluster:String} AND (isNull(ended_at) OR ended_at >= {since:DateTime64(3, 'UTC')})
  AND (boot_id = '' OR job_id NOT IN (SELECT job_id FROM job WHERE cluster = {cluster:String} AND boot_id = ''))
  AND (job_id, ts) IN (
    SELECT job_id, ts FROM job FINAL
    WHERE cluster = {cluster:String} AND (isNull(ended_at) OR ended_at >= {since:DateTime64(3, 'UTC')})
      AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
      AND (NOT startsWith(end_state, 'COMPLETED') OR host IN (SELECT arrayJoin(JSONExtract({signal_hosts:String}, 'Array(String)')))))
GROUP BY job_id, ts
ORDER BY started, job_id
