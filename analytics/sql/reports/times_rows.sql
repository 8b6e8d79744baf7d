-- Rows of steps, as they were marked, of chosen quarters of an hour of chosen jobs (job, rank, quarter; JSON).
SELECT
  job_id,
  arraySort(groupArray((
    toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(ifNull(last_ts, ts)), assumeNotNull(step),
    ifNull(last_step, assumeNotNull(step))))) AS step_rows
FROM job_mark FINAL
WHERE cluster = {cluster:String} AND mark = 'step' AND isNotNull(step)
  AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  AND (job_id, rank, toUInt32(intDiv(toUnixTimestamp64Milli(ts), {bucket_ms:UInt32}))) IN (
    SELECT arrayJoin(JSONExtract({chosen:String}, 'Array(Tuple(String, UInt32, UInt32))')))
GROUP BY job_id
ORDER BY job_id
SETTINGS do_not_merge_across_partitions_select_final = 1
