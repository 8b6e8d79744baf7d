-- slow/gpu_suspects: nodes worth a look at their minutes. From rolled-up hours, and from slots of ten minutes of what is not
-- rolled up yet: each GPU against the median of its job in that slot. Clocks count as they are, other readings against the
-- GPU's own better slots; so does time held back by faults (hardware slowdown, heat, power brake), which tells of slowness too
-- short to show in a mean.
WITH slots AS (
  SELECT host, gpu_uuid, hour AS slot, 3600 AS slot_s, ticks, throttle_hw_slowdown_ticks + throttle_sw_thermal_ticks
      + throttle_hw_thermal_ticks + throttle_hw_power_brake_ticks AS held_ticks,
    sm_clock_mhz_sum / sm_clock_mhz_count AS clock, memory_clock_mhz_sum / memory_clock_mhz_count AS memory_clock,
    power_mw_sum / power_mw_count AS power, sm_active_ratio_sum / sm_active_ratio_count AS active,
    tensor_active_ratio_sum / tensor_active_ratio_count AS tensor,
    (nvlink_rx_bytes_per_s_sum + nvlink_tx_bytes_per_s_sum) / nvlink_rx_bytes_per_s_count AS nvlink
  FROM gpu_hour FINAL
  WHERE cluster = {cluster:String} AND hour >= {since:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
    AND hour < {rolled_until:DateTime64(3, 'UTC')} AND retired = 0
    AND 10 * job_ticks >= 9 * ticks AND 2 * util_ratio_sum >= util_ratio_count
  UNION ALL
  SELECT host, gpu_uuid, toDateTime64(toStartOfInterval(ts, INTERVAL 10 MINUTE), 3, 'UTC') AS slot, 600 AS slot_s,
    count() AS ticks, countIf(bitAnd(throttle_mask, 232) != 0) AS held_ticks, avg(sm_clock_mhz) AS clock,
    avg(memory_clock_mhz) AS memory_clock, avg(power_mw) AS power, avg(sm_active_ratio) AS active,
    avg(tensor_active_ratio) AS tensor, avg(nvlink_rx_bytes_per_s) + avg(nvlink_tx_bytes_per_s) AS nvlink
  FROM gpu_sample
  WHERE cluster = {cluster:String} AND ts >= {rolled_until:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  GROUP BY host, gpu_uuid, slot
  HAVING avg(util_ratio) >= 0.5
),
held AS (
  SELECT job_id, host, min(ts) AS began, max(ifNull(ended_at, {until:DateTime64(3, 'UTC')})) AS ended
  FROM job FINAL
  WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 60 DAY
    AND ts < {until:DateTime64(3, 'UTC')} AND (isNull(ended_at) OR ended_at > {since:DateTime64(3, 'UTC')})
  GROUP BY job_id, host
),
compared AS (
  SELECT job_id, host, gpu_uuid, held_ticks / ticks AS held_ratio,
    clock / quantileExact(0.5)(clock) OVER peers AS clock_ratio,
    memory_clock / quantileExact(0.5)(memory_clock) OVER peers AS memory_ratio,
    power / quantileExact(0.5)(power) OVER peers AS power_ratio, nvlink / quantileExact(0.5)(nvlink) OVER peers AS nvlink_ratio,
    if(tensor >= 0.02, active / (tensor * clock), NULL) AS work,
    work / quantileExact(0.5)(work) OVER peers AS work_ratio
  FROM slots INNER JOIN held USING (host)
  WHERE slot >= began AND slot + toIntervalSecond(slot_s) <= ended
  WINDOW peers AS (PARTITION BY job_id, slot)
)
SELECT job_id, host, max(worst) AS score
FROM (
  SELECT job_id, host, gpu_uuid,
    greatest(
      ifNull(1 - min(clock_ratio), 0), ifNull(1 - min(memory_ratio), 0), ifNull(max(held_ratio), 0),
      ifNull(max(work_ratio) / quantileExact(0.25)(work_ratio) - 1, 0),
      ifNull(1 - min(power_ratio) / quantileExact(0.75)(power_ratio), 0),
      ifNull(1 - min(nvlink_ratio) / quantileExact(0.75)(nvlink_ratio), 0)
    ) AS worst
  FROM compared
  GROUP BY job_id, host, gpu_uuid
)
GROUP BY job_id, host
HAVING score >= {suspect_ratio:Float64}
ORDER BY score DESC, job_id, host
LIMIT 16 BY job_id
LIMIT 64
