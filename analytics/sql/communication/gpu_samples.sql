-- communication/gpu_samples: ticks of the GPUs of some hosts under one job, a row a GPU, as arrays that go together. Of links the
-- busier direction. A missing reading is NaN; a tick that came twice counts once.
SELECT host, gpu_uuid, groupArray(at) AS at_ms, groupArray(graphics) AS graphics, groupArray(sm) AS sm,
  groupArray(tensor) AS tensor, groupArray(dram) AS dram, groupArray(nvlink) AS nvlink_bytes_per_s,
  groupArray(pcie_rate) AS pcie_bytes_per_s, groupArray(power) AS power_w, groupArray(clock) AS sm_clock_mhz
FROM (
  SELECT host, gpu_uuid, toUnixTimestamp64Milli(ts) AS at, ifNull(toFloat64(graphics_active_ratio), nan) AS graphics,
    ifNull(toFloat64(sm_active_ratio), nan) AS sm, ifNull(toFloat64(tensor_active_ratio), nan) AS tensor,
    ifNull(toFloat64(dram_active_ratio), nan) AS dram,
    ifNull(toFloat64(greatest(nvlink_rx_bytes_per_s, nvlink_tx_bytes_per_s)), nan) AS nvlink,
    ifNull(toFloat64(greatest(pcie_rx_bytes_per_s, pcie_tx_bytes_per_s)), nan) AS pcie_rate,
    ifNull(power_mw / 1000, nan) AS power, ifNull(toFloat64(sm_clock_mhz), nan) AS clock
  FROM gpu_sample
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')} AND job_id = {name:String}
  ORDER BY host, gpu_uuid, ts
  LIMIT 1 BY host, gpu_uuid, ts
)
GROUP BY host, gpu_uuid
ORDER BY host, gpu_uuid
