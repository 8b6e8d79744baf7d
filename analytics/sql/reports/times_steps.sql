-- Numbered steps of each job, gathered in quarters of an hour: from the end of which step to the end of which one, and when. The
-- lowest rank that marks steps speaks for its job. `is_even` is 0 where numbers or times do not grow from row to row as they come, and
-- where ten minutes are empty: what happened there is read row by row. So without FINAL: rows stored twice are not even either.
SELECT
  job_id,
  any(lowest_rank) AS rank_used,
  groupArray(bucket) AS buckets,
  groupArray(since_ms) AS since,
  groupArray(until_ms) AS until,
  groupArray(first) AS first_step,
  groupArray(last) AS last_step,
  groupArray(even) AS is_even
FROM (
  SELECT
    job_id,
    any(rank) AS lowest_rank,
    toUInt32(intDiv(toUnixTimestamp64Milli(ts), {bucket_ms:UInt32})) AS bucket,
    groupArray(toUnixTimestamp64Milli(ts)) AS begins,
    groupArray(assumeNotNull(step)) AS firsts,
    groupArray(ifNull(job_mark.last_step, assumeNotNull(step))) AS lasts,
    arrayMin(begins) AS since_ms,
    toUnixTimestamp64Milli(max(ifNull(last_ts, ts))) AS until_ms,
    arrayMin(firsts) AS first,
    arrayMax(lasts) AS last,
    toUInt8(
      arrayAll((first_, last_) -> last_ >= first_, firsts, lasts)
      AND arrayAll((last_, next) -> next > last_, arrayPopBack(lasts), arrayPopFront(firsts))
      AND arrayAll((begin, next) -> next > begin AND next - begin < {stall_ms:UInt32}, arrayPopBack(begins),
        arrayPopFront(begins))
    ) AS even
  FROM job_mark
  WHERE cluster = {cluster:String} AND mark = 'step' AND isNotNull(step)
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    AND (job_id, rank) IN (
      SELECT job_id, min(rank) FROM job_mark
      WHERE cluster = {cluster:String} AND mark = 'step' AND isNotNull(step)
        AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
      GROUP BY job_id)
  GROUP BY job_id, bucket
  ORDER BY job_id, bucket
)
GROUP BY job_id
ORDER BY max(until_ms) DESC, job_id
LIMIT {top:UInt32}
SETTINGS max_bytes_before_external_group_by = 268435456
