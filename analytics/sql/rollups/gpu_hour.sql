-- gpu_hour: one hour of some hosts of a cluster. Steps of a counter are taken from reading to reading within a boot; the step
-- from the last reading before the hour is carried in from the hours computed before. A counter that fell was reset (the
-- driver was loaded anew): it grew by what it stands at, at least.
INSERT INTO gpu_hour (
  cluster, host, gpu_uuid, boot_id, hour, first_ts, last_ts, ticks, job_ticks, resets, throttle_sw_power_cap_ticks,
  throttle_hw_slowdown_ticks, throttle_sync_boost_ticks, throttle_sw_thermal_ticks, throttle_hw_thermal_ticks,
  throttle_hw_power_brake_ticks, power_mw_count, energy_mj_count, temp_c_count, memory_temp_c_count,
  temp_margin_c_count, sm_clock_mhz_count, memory_clock_mhz_count, throttle_mask_count, memory_used_bytes_count,
  ecc_uncorrected_count, nvml_latency_us_count, util_ratio_count, memory_util_ratio_count,
  graphics_active_ratio_count, sm_active_ratio_count, sm_occupancy_ratio_count, tensor_active_ratio_count,
  dram_active_ratio_count, pcie_tx_bytes_per_s_count, pcie_rx_bytes_per_s_count, nvlink_rx_bytes_per_s_count,
  nvlink_tx_bytes_per_s_count, retired, power_mw_sum, power_mw_max, temp_c_sum, temp_c_max, memory_temp_c_max,
  temp_margin_c_min, sm_clock_mhz_sum, sm_clock_mhz_min, sm_clock_mhz_max, memory_clock_mhz_sum,
  memory_used_bytes_sum, memory_used_bytes_max, nvml_latency_us_sum, nvml_latency_us_max, util_ratio_sum,
  memory_util_ratio_sum, graphics_active_ratio_sum, sm_active_ratio_sum, sm_occupancy_ratio_sum,
  tensor_active_ratio_sum, dram_active_ratio_sum, pcie_tx_bytes_per_s_sum, pcie_rx_bytes_per_s_sum,
  nvlink_rx_bytes_per_s_sum, nvlink_tx_bytes_per_s_sum, remap_pending_max, remap_failed_max, recovery_action_max,
  energy_mj_increase, energy_mj_last, ecc_corrected_increase, ecc_corrected_last, ecc_uncorrected_increase,
  ecc_uncorrected_last, pcie_replays_increase, pcie_replays_last, version
)
WITH
  (was, is) -> toUInt8(ifNull(is < was, 0)) AS fell,
  (was, is) -> multiIf(isNull(was) OR isNull(is), NULL, is >= was, toUInt64(assumeNotNull(is - was)), is) AS step,
  (first, rest) -> if(isNull(first) AND isNull(rest), NULL, ifNull(first, 0) + ifNull(rest, 0)) AS grown
SELECT
  {cluster:String}, host, gpu_uuid, boot_id, {since:DateTime64(3, 'UTC')}, first_ts, last_ts, ticks, job_ticks,
  fallen + (fell(energy_mj_carried, energy_mj_first)
      OR fell(ecc_corrected_carried, ecc_corrected_first)
      OR fell(ecc_uncorrected_carried, ecc_uncorrected_first)
      OR fell(pcie_replays_carried, pcie_replays_first)),
  throttle_sw_power_cap_ticks, throttle_hw_slowdown_ticks, throttle_sync_boost_ticks, throttle_sw_thermal_ticks,
  throttle_hw_thermal_ticks, throttle_hw_power_brake_ticks, power_mw_count, energy_mj_count, temp_c_count,
  memory_temp_c_count, temp_margin_c_count, sm_clock_mhz_count, memory_clock_mhz_count, throttle_mask_count,
  memory_used_bytes_count, ecc_uncorrected_count, nvml_latency_us_count, util_ratio_count, memory_util_ratio_count,
  graphics_active_ratio_count, sm_active_ratio_count, sm_occupancy_ratio_count, tensor_active_ratio_count,
  dram_active_ratio_count, pcie_tx_bytes_per_s_count, pcie_rx_bytes_per_s_count, nvlink_rx_bytes_per_s_count,
  nvlink_tx_bytes_per_s_count, 0, power_mw_sum, power_mw_max, temp_c_sum, temp_c_max, memory_temp_c_max,
  temp_margin_c_min, sm_clock_mhz_sum, sm_clock_mhz_min, sm_clock_mhz_max, memory_clock_mhz_sum,
  memory_used_bytes_sum, memory_used_bytes_max, nvml_latency_us_sum, nvml_latency_us_max, util_ratio_sum,
  memory_util_ratio_sum, graphics_active_ratio_sum, sm_active_ratio_sum, sm_occupancy_ratio_sum,
  tensor_active_ratio_sum, dram_active_ratio_sum, pcie_tx_bytes_per_s_sum, pcie_rx_bytes_per_s_sum,
  nvlink_rx_bytes_per_s_sum, nvlink_tx_bytes_per_s_sum, remap_pending_max, remap_failed_max, recovery_action_max,
  grown(step(energy_mj_carried, energy_mj_first), energy_mj_steps), energy_mj_last,
  grown(step(ecc_corrected_carried, ecc_corrected_first), ecc_corrected_steps), ecc_corrected_last,
  grown(step(ecc_uncorrected_carried, ecc_uncorrected_first), ecc_uncorrected_steps), ecc_uncorrected_last,
  grown(step(pcie_replays_carried, pcie_replays_first), pcie_replays_steps), pcie_replays_last, {version:UInt64}
FROM (
  SELECT
    host, gpu_uuid, boot_id,
    min(ts) AS first_ts, max(ts) AS last_ts, count() AS ticks, countIf(ifNull(job_id, '') != '') AS job_ticks,
    countIf(bitAnd(ifNull(throttle_mask, 0), 4) != 0) AS throttle_sw_power_cap_ticks,
    countIf(bitAnd(ifNull(throttle_mask, 0), 8) != 0) AS throttle_hw_slowdown_ticks,
    countIf(bitAnd(ifNull(throttle_mask, 0), 16) != 0) AS throttle_sync_boost_ticks,
    countIf(bitAnd(ifNull(throttle_mask, 0), 32) != 0) AS throttle_sw_thermal_ticks,
    countIf(bitAnd(ifNull(throttle_mask, 0), 64) != 0) AS throttle_hw_thermal_ticks,
    countIf(bitAnd(ifNull(throttle_mask, 0), 128) != 0) AS throttle_hw_power_brake_ticks,
    count(power_mw) AS power_mw_count, count(energy_mj) AS energy_mj_count, count(temp_c) AS temp_c_count,
    count(memory_temp_c) AS memory_temp_c_count, count(temp_margin_c) AS temp_margin_c_count,
    count(sm_clock_mhz) AS sm_clock_mhz_count, count(memory_clock_mhz) AS memory_clock_mhz_count,
    count(throttle_mask) AS throttle_mask_count, count(memory_used_bytes) AS memory_used_bytes_count,
    count(ecc_uncorrected) AS ecc_uncorrected_count, count(nvml_latency_us) AS nvml_latency_us_count,
    count(util_ratio) AS util_ratio_count, count(memory_util_ratio) AS memory_util_ratio_count,
    count(graphics_active_ratio) AS graphics_active_ratio_count, count(sm_active_ratio) AS sm_active_ratio_count,
    count(sm_occupancy_ratio) AS sm_occupancy_ratio_count, count(tensor_active_ratio) AS tensor_active_ratio_count,
    count(dram_active_ratio) AS dram_active_ratio_count, count(pcie_tx_bytes_per_s) AS pcie_tx_bytes_per_s_count,
    count(pcie_rx_bytes_per_s) AS pcie_rx_bytes_per_s_count,
    count(nvlink_rx_bytes_per_s) AS nvlink_rx_bytes_per_s_count,
    count(nvlink_tx_bytes_per_s) AS nvlink_tx_bytes_per_s_count, sum(power_mw) AS power_mw_sum,
    max(power_mw) AS power_mw_max, sum(temp_c) AS temp_c_sum, max(temp_c) AS temp_c_max,
    max(memory_temp_c) AS memory_temp_c_max, min(temp_margin_c) AS temp_margin_c_min,
    sum(sm_clock_mhz) AS sm_clock_mhz_sum, min(sm_clock_mhz) AS sm_clock_mhz_min,
    max(sm_clock_mhz) AS sm_clock_mhz_max, sum(memory_clock_mhz) AS memory_clock_mhz_sum,
    sum(memory_used_bytes) AS memory_used_bytes_sum, max(memory_used_bytes) AS memory_used_bytes_max,
    sum(nvml_latency_us) AS nvml_latency_us_sum, max(nvml_latency_us) AS nvml_latency_us_max,
    sum(util_ratio) AS util_ratio_sum, sum(memory_util_ratio) AS memory_util_ratio_sum,
    sum(graphics_active_ratio) AS graphics_active_ratio_sum, sum(sm_active_ratio) AS sm_active_ratio_sum,
    sum(sm_occupancy_ratio) AS sm_occupancy_ratio_sum, sum(tensor_active_ratio) AS tensor_active_ratio_sum,
    sum(dram_active_ratio) AS dram_active_ratio_sum, sum(pcie_tx_bytes_per_s) AS pcie_tx_bytes_per_s_sum,
    sum(pcie_rx_bytes_per_s) AS pcie_rx_bytes_per_s_sum, sum(nvlink_rx_bytes_per_s) AS nvlink_rx_bytes_per_s_sum,
    sum(nvlink_tx_bytes_per_s) AS nvlink_tx_bytes_per_s_sum, max(remap_pending) AS remap_pending_max,
    max(remap_failed) AS remap_failed_max, max(recovery_action) AS recovery_action_max,
    countIf(fell(energy_mj_before, energy_mj)
      OR fell(ecc_corrected_before, ecc_corrected)
      OR fell(ecc_uncorrected_before, ecc_uncorrected)
      OR fell(pcie_replays_before, pcie_replays)) AS fallen,
    sumOrNull(step(energy_mj_before, energy_mj)) AS energy_mj_steps, argMin(energy_mj, ts) AS energy_mj_first,
    argMax(energy_mj, ts) AS energy_mj_last,
    sumOrNull(step(ecc_corrected_before, ecc_corrected)) AS ecc_corrected_steps,
    argMin(ecc_corrected, ts) AS ecc_corrected_first, argMax(ecc_corrected, ts) AS ecc_corrected_last,
    sumOrNull(step(ecc_uncorrected_before, ecc_uncorrected)) AS ecc_uncorrected_steps,
    argMin(ecc_uncorrected, ts) AS ecc_uncorrected_first, argMax(ecc_uncorrected, ts) AS ecc_uncorrected_last,
    sumOrNull(step(pcie_replays_before, pcie_replays)) AS pcie_replays_steps,
    argMin(pcie_replays, ts) AS pcie_replays_first, argMax(pcie_replays, ts) AS pcie_replays_last
  FROM (
    SELECT host, gpu_uuid, boot_id, ts,
      power_mw, energy_mj, temp_c, memory_temp_c, temp_margin_c, sm_clock_mhz, memory_clock_mhz, throttle_mask,
      util_ratio, memory_used_bytes, ecc_corrected, ecc_uncorrected, remap_pending, remap_failed, recovery_action,
      pcie_replays, memory_util_ratio, graphics_active_ratio, sm_active_ratio, sm_occupancy_ratio,
      tensor_active_ratio, dram_active_ratio, pcie_tx_bytes_per_s, pcie_rx_bytes_per_s, nvlink_rx_bytes_per_s,
      nvlink_tx_bytes_per_s, nvml_latency_us, job_id,
      anyLast(energy_mj) OVER earlier AS energy_mj_before,
      anyLast(ecc_corrected) OVER earlier AS ecc_corrected_before,
      anyLast(ecc_uncorrected) OVER earlier AS ecc_uncorrected_before,
      anyLast(pcie_replays) OVER earlier AS pcie_replays_before
    FROM gpu_sample FINAL
    WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
      AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    WINDOW earlier AS (
      PARTITION BY host, gpu_uuid, boot_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  )
  GROUP BY host, gpu_uuid, boot_id
) AS ticked
LEFT JOIN (
  SELECT host, gpu_uuid, boot_id,
    argMax(energy_mj_last, hour) AS energy_mj_carried, argMax(ecc_corrected_last, hour) AS ecc_corrected_carried,
    argMax(ecc_uncorrected_last, hour) AS ecc_uncorrected_carried,
    argMax(pcie_replays_last, hour) AS pcie_replays_carried
  FROM gpu_hour FINAL
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND hour >= {since:DateTime64(3, 'UTC')} - INTERVAL 7 DAY AND hour < {since:DateTime64(3, 'UTC')} AND retired = 0
  GROUP BY host, gpu_uuid, boot_id
) AS carried USING (host, gpu_uuid, boot_id)
SETTINGS do_not_merge_across_partitions_select_final = 1
