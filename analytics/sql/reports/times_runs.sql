-- Runs of chosen jobs (JSON array of ids): start, end, whether it has ended, GPUs, when it could have started.
SELECT
  job_id,
  max(run_owner) AS owner,
  arraySort(run -> run.1, groupArray((
    toUnixTimestamp64Milli(begins), toUnixTimestamp64Milli(ends), ended, gpus, toUnixTimestamp64Milli(eligible)))) AS runs
FROM job_run_between(
  cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
WHERE job_id IN (SELECT arrayJoin(JSONExtract({jobs:String}, 'Array(String)')))
GROUP BY job_id
ORDER BY job_id
