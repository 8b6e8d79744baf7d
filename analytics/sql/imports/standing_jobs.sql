-- Runs that a scheduler's export told of, by their start; all, or only those that had not ended.
SELECT job_id, host, ts, ended_at, gpus, owner, end_state, exit_code, wanted_end, submitted_at, eligible_at, excluded_nodes
FROM job FINAL
WHERE cluster = {cluster:String} AND scheduler = {scheduler:String} AND boot_id = ''
  AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  AND ({running_only:UInt8} = 0 OR isNull(ended_at))
ORDER BY job_id, host, ts
