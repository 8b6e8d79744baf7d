-- Exposed communication of whole jobs, one row a window and source, of the windows that begin within a span. `jobs` is a JSON array
-- of ids, or empty for all. Each node hands over what its own ranks left: exact rows of one job, source and minute are one capture,
-- means over its ranks. `held_grade` is none where there is no interval; an exact row without one is its point. What waited and
-- what moved is of the exposed part in exact rows, and of the time below compute (silent, moving) in those from telemetry.
CREATE OR REPLACE VIEW comm_job_window AS
SELECT
  job_id, source, ts, until, reason, layout, gpu_model, total_mark, late, ranks, world_size, steps, window_ns, overlap, fused, idle,
  exposed_ratio, total_ratio, busbw_gbs, median_rank, low_rank, high_rank, waiting, moved, low_end, high_end,
  greatest(1, dateDiff('millisecond', ts, until)) / 3600000 AS lasted_h,
  greatest(1., ifNull(window_ns, toFloat64(dateDiff('millisecond', ts, until)) * 1e6)) AS weight,
  toString(if(grade IN ('exact', 'A', 'B', 'C', 'D') AND isNotNull(low_end) AND isNotNull(high_end)
    AND (grade IN ('C', 'D') OR isNotNull(exposed_ratio)), grade, 'none')) AS held_grade,
  toUInt8(multiIf(
    held_grade = 'exact' AND ifNull(ranks >= world_size, 0), 0,
    held_grade = 'A', 1, held_grade = 'B', 2, held_grade = 'exact', 3, held_grade = 'C', 4, held_grade = 'D', 5, 6)) AS preference
FROM (
  SELECT
    job_id, source, ts, until, grade, reason, layout, gpu_model, total_mark, late, toNullable(toUInt64(ranks)) AS ranks, world_size, steps,
    toFloat64(window_ns) AS window_ns, CAST(NULL, 'Nullable(Float64)') AS overlap, CAST(NULL, 'Nullable(Float64)') AS fused,
    CAST(NULL, 'Nullable(Float64)') AS idle, exposed_ratio, total_ratio, busbw_gbs,
    JSONExtract(fields, 'exposed_over_ranks', 'median', 'Nullable(Float64)') AS median_rank,
    JSONExtract(fields, 'exposed_over_ranks', 'min', 'Nullable(Float64)') AS low_rank,
    JSONExtract(fields, 'exposed_over_ranks', 'max', 'Nullable(Float64)') AS high_rank,
    silent_ratio AS waiting, moving_ratio AS moved, exposed_low_ratio AS low_end, exposed_high_ratio AS high_end
  FROM collective FINAL
  WHERE cluster = {cluster:String} AND scope = 'job' AND source = 'telemetry'
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    AND ({jobs:String} = '' OR job_id IN (SELECT arrayJoin(JSONExtract({jobs:String}, 'Array(String)'))))
  UNION ALL
  SELECT
    job_id, source, min(began) AS ts, max(ended) AS until, grade, any(reason), layout, any(gpu_model), any(total_mark),
    arrayStringConcat(arrayFilter(name -> name != '', groupUniqArray(64)(late)), ',') AS late,
    arraySum(mapValues(maxMap(map(toString(host), toUInt64(ifNull(node_ranks, 0)))))) AS ranks,
    max(world_size), max(steps), avgWeighted(span_ns, share) AS window_ns,
    avgWeighted(overlap_ns / nullIf(comm_ns, 0), share) AS overlap,
    avgWeighted(if(span_ns >= fused_ns, fused_ns / nullIf(span_ns, 0), NULL), share) AS fused,
    avgWeighted(if(span_ns >= idle_ns, idle_ns / nullIf(span_ns, 0), NULL), share) AS idle,
    avgWeighted(exposed, share) AS exposed_ratio, avgWeighted(total_ratio, share), avgWeighted(busbw_gbs, share),
    CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'),
    avgWeighted(exposed * exposed_wait_ns / nullIf(exposed_ns, 0), share) AS waiting,
    avgWeighted(exposed * (1 - exposed_wait_ns / nullIf(exposed_ns, 0)), share) AS moved,
    avgWeighted(ifNull(exposed_low_ratio, exposed), share) AS low_end, avgWeighted(ifNull(exposed_high_ratio, exposed), share) AS high_end
  FROM (
    SELECT *, ts AS began, until AS ended, ranks AS node_ranks, toFloat64(window_ns) AS span_ns, exposed_ratio AS exposed,
      toFloat64(greatest(1, ifNull(ranks, 1))) AS share
    FROM collective FINAL
    WHERE cluster = {cluster:String} AND scope = 'job' AND source != 'telemetry'
      AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
      AND ({jobs:String} = '' OR job_id IN (SELECT arrayJoin(JSONExtract({jobs:String}, 'Array(String)'))))
  ) AS nodes
  GROUP BY job_id, source, grade, layout, intDiv(toUnixTimestamp64Milli(began), 60000)
)
SETTINGS do_not_merge_across_partitions_select_final = 1;
