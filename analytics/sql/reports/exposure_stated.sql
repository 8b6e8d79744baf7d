-- GPU-days that imports state. Intervals of one GPU that overlap are merged, by counting of each only what lies after the
-- latest end before it; the same block of nameless GPUs stated by two imports is one block. Exposure of undated counts counts
-- as a whole or not at all: a window cannot split them. covered_days is the time that any GPU was in service.
SELECT
  sum(gpus * greatest(0, dateDiff('millisecond', greatest(begins, ended_before), ends))) / 86400000 AS in_service,
  sumIf(gpus * dateDiff('millisecond', begins, ends), all_bases = 1) / 86400000 AS all_bases_days,
  sum(greatest(0, dateDiff('millisecond', greatest(begins, any_ended_before), ends))) / 86400000 AS covered_days,
  countIf(all_bases = 0) AS in_service_only_rows,
  countIf(all_bases = 1) AS all_bases_rows
FROM (
  SELECT
    gpus, all_bases, begins, ends,
    if(gpu = '', begins, max(ends) OVER (
      PARTITION BY gpu ORDER BY begins, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS ended_before,
    max(ends) OVER (ORDER BY begins, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS any_ended_before
  FROM (
    SELECT DISTINCT gpu, node, gpus, all_bases, greatest(since, {since:DateTime64(3, 'UTC')}) AS begins,
      least(until, {until:DateTime64(3, 'UTC')}) AS ends
    FROM exposure FINAL
    WHERE cluster = {cluster:String} AND retired = 0
      AND since < {until:DateTime64(3, 'UTC')} AND until > {since:DateTime64(3, 'UTC')}
      AND (divisible = 1 OR (since >= {since:DateTime64(3, 'UTC')} AND until <= {until:DateTime64(3, 'UTC')}))
  )
  WHERE ends > begins
)
