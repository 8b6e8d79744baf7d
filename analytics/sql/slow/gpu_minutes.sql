-- slow/gpu_minutes: minutes of the GPUs of some hosts, a row a GPU and job, as arrays. A GPU counts in minutes in which a kernel
-- ran half of the time, and half of the ticks show that; a GPU that several jobs share never does. Repeated ticks do not move
-- a mean, so the rows are not made unique first.
SELECT host, gpu_uuid, job,
  groupArray(minute) AS minutes, groupArray(clock) AS sm_clock_mhz, groupArray(memory_clock) AS memory_clock_mhz,
  groupArray(active) AS activity, groupArray(tensor) AS tensor_ratio, groupArray(power) AS power_mw,
  groupArray(nvlink) AS nvlink_bytes_per_s, groupArray(pcie_bytes) AS pcie_bytes_per_s,
  groupArray(hw_slowdown) AS hw_slowdown_ratio, groupArray(sw_thermal) AS sw_thermal_ratio,
  groupArray(hw_thermal) AS hw_thermal_ratio, groupArray(power_brake) AS hw_power_brake_ratio,
  groupArray(power_cap) AS sw_power_cap_ratio, max(memory_bytes) AS memory_total_bytes
FROM (
  SELECT host, gpu_uuid, ifNull(job_id, '') AS job,
    toUInt32(intDiv(toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')}), 60000)) AS minute,
    countIf(loaded) AS busy, count() AS ticks,
    ifNull(avgIf(sm_clock_mhz, loaded), nan) AS clock, ifNull(avgIf(memory_clock_mhz, loaded), nan) AS memory_clock,
    ifNull(avg(ifNull(sm_active_ratio, util_ratio)), nan) AS active, ifNull(avg(tensor_active_ratio), nan) AS tensor,
    ifNull(avg(power_mw), nan) AS power, ifNull(avg(nvlink_rx_bytes_per_s + nvlink_tx_bytes_per_s), nan) AS nvlink,
    ifNull(avg(pcie_rx_bytes_per_s + pcie_tx_bytes_per_s), nan) AS pcie_bytes,
    countIf(bitAnd(throttle_mask, 8) != 0) / count(throttle_mask) AS hw_slowdown,
    countIf(bitAnd(throttle_mask, 32) != 0) / count(throttle_mask) AS sw_thermal,
    countIf(bitAnd(throttle_mask, 64) != 0) / count(throttle_mask) AS hw_thermal,
    countIf(bitAnd(throttle_mask, 128) != 0) / count(throttle_mask) AS power_brake,
    countIf(bitAnd(throttle_mask, 4) != 0) / count(throttle_mask) AS power_cap,
    ifNull(max(memory_total_bytes), 0) AS memory_bytes
  FROM (
    SELECT *, ifNull(ifNull(graphics_active_ratio, util_ratio) >= 0.5, 0) AND bitAnd(ifNull(throttle_mask, 0), 1) = 0 AS loaded
    FROM gpu_sample
    WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
      AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  )
  GROUP BY host, gpu_uuid, job, minute
  HAVING job != '' AND position(job, ',') = 0 AND 2 * busy >= ticks
  ORDER BY host, gpu_uuid, job, minute
)
GROUP BY host, gpu_uuid, job
ORDER BY host, gpu_uuid, job
