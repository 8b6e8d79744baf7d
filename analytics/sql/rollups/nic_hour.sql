-- nic_hour: one hour of some hosts of a cluster. Steps of a counter are taken from reading to reading within a boot, the step
-- from the last reading before the hour included. An error counter that fell was reset and grew by what it stands at, at
-- least; one that stood at its top grew by nobody knows what; traffic that fell may have wrapped or been reset.
INSERT INTO nic_hour (
  cluster, host, port, boot_id, hour, link_layer, first_ts, last_ts, ticks, link_up_count, link_up_ticks, resets,
  saturated_ticks, retired, rate_mbps_min, rate_mbps_max, saturated_mask, rx_bytes_increase, rx_bytes_last,
  tx_bytes_increase, tx_bytes_last, carrier_changes_increase, carrier_changes_last, rx_packets_increase,
  rx_packets_last, tx_packets_increase, tx_packets_last, rx_errors_increase, rx_errors_last, tx_errors_increase,
  tx_errors_last, rx_dropped_increase, rx_dropped_last, tx_dropped_increase, tx_dropped_last, rx_crc_errors_increase,
  rx_crc_errors_last, symbol_error_increase, symbol_error_last, link_error_recovery_increase,
  link_error_recovery_last, link_downed_increase, link_downed_last, port_rcv_errors_increase, port_rcv_errors_last,
  port_xmit_discards_increase, port_xmit_discards_last, port_xmit_wait_increase, port_xmit_wait_last,
  local_link_integrity_errors_increase, local_link_integrity_errors_last, excessive_buffer_overrun_errors_increase,
  excessive_buffer_overrun_errors_last, version
)
WITH
  (was, is) -> toUInt8(ifNull(is < was, 0)) AS fell,
  (was, is) -> multiIf(isNull(was) OR isNull(is), NULL, is >= was, toUInt64(assumeNotNull(is - was)), is) AS step,
  (first, rest) -> if(isNull(first) AND isNull(rest), NULL, ifNull(first, 0) + ifNull(rest, 0)) AS grown
SELECT
  {cluster:String}, host, port, boot_id, {since:DateTime64(3, 'UTC')}, link_layer, first_ts, last_ts, ticks,
  link_up_count, link_up_ticks,
  fallen + (fell(rx_bytes_carried, rx_bytes_first)
      OR fell(tx_bytes_carried, tx_bytes_first)
      OR fell(carrier_changes_carried, carrier_changes_first)
      OR fell(rx_packets_carried, rx_packets_first)
      OR fell(tx_packets_carried, tx_packets_first)
      OR fell(rx_errors_carried, rx_errors_first)
      OR fell(tx_errors_carried, tx_errors_first)
      OR fell(rx_dropped_carried, rx_dropped_first)
      OR fell(tx_dropped_carried, tx_dropped_first)
      OR fell(rx_crc_errors_carried, rx_crc_errors_first)
      OR fell(symbol_error_carried, symbol_error_first)
      OR fell(link_error_recovery_carried, link_error_recovery_first)
      OR fell(link_downed_carried, link_downed_first)
      OR fell(port_rcv_errors_carried, port_rcv_errors_first)
      OR fell(port_xmit_discards_carried, port_xmit_discards_first)
      OR fell(port_xmit_wait_carried, port_xmit_wait_first)
      OR fell(local_link_integrity_errors_carried, local_link_integrity_errors_first)
      OR fell(excessive_buffer_overrun_errors_carried, excessive_buffer_overrun_errors_first)),
  saturated_ticks, 0, rate_mbps_min, rate_mbps_max, if(masks = 0, NULL, saturated_bits),
  if(rx_bytes_falls > 0 OR fell(rx_bytes_carried, rx_bytes_first), NULL, grown(step(rx_bytes_carried, rx_bytes_first), rx_bytes_steps)),
  rx_bytes_last,
  if(tx_bytes_falls > 0 OR fell(tx_bytes_carried, tx_bytes_first), NULL, grown(step(tx_bytes_carried, tx_bytes_first), tx_bytes_steps)),
  tx_bytes_last, grown(step(carrier_changes_carried, carrier_changes_first), carrier_changes_steps),
  carrier_changes_last,
  if(rx_packets_falls > 0 OR fell(rx_packets_carried, rx_packets_first), NULL, grown(step(rx_packets_carried, rx_packets_first), rx_packets_steps)),
  rx_packets_last,
  if(tx_packets_falls > 0 OR fell(tx_packets_carried, tx_packets_first), NULL, grown(step(tx_packets_carried, tx_packets_first), tx_packets_steps)),
  tx_packets_last, grown(step(rx_errors_carried, rx_errors_first), rx_errors_steps), rx_errors_last,
  grown(step(tx_errors_carried, tx_errors_first), tx_errors_steps), tx_errors_last,
  grown(step(rx_dropped_carried, rx_dropped_first), rx_dropped_steps), rx_dropped_last,
  grown(step(tx_dropped_carried, tx_dropped_first), tx_dropped_steps), tx_dropped_last,
  grown(step(rx_crc_errors_carried, rx_crc_errors_first), rx_crc_errors_steps), rx_crc_errors_last,
  if(bitTest(saturated_bits, 0), NULL, grown(step(symbol_error_carried, symbol_error_first), symbol_error_steps)),
  symbol_error_last,
  if(bitTest(saturated_bits, 1), NULL, grown(step(link_error_recovery_carried, link_error_recovery_first), link_error_recovery_steps)),
  link_error_recovery_last,
  if(bitTest(saturated_bits, 2), NULL, grown(step(link_downed_carried, link_downed_first), link_downed_steps)),
  link_downed_last,
  if(bitTest(saturated_bits, 3), NULL, grown(step(port_rcv_errors_carried, port_rcv_errors_first), port_rcv_errors_steps)),
  port_rcv_errors_last,
  if(bitTest(saturated_bits, 4), NULL, grown(step(port_xmit_discards_carried, port_xmit_discards_first), port_xmit_discards_steps)),
  port_xmit_discards_last,
  if(port_xmit_wait_falls > 0 OR fell(port_xmit_wait_carried, port_xmit_wait_first), NULL, grown(step(port_xmit_wait_carried, port_xmit_wait_first), port_xmit_wait_steps)),
  port_xmit_wait_last,
  if(bitTest(saturated_bits, 5), NULL, grown(step(local_link_integrity_errors_carried, local_link_integrity_errors_first), local_link_integrity_errors_steps)),
  local_link_integrity_errors_last,
  if(bitTest(saturated_bits, 6), NULL, grown(step(excessive_buffer_overrun_errors_carried, excessive_buffer_overrun_errors_first), excessive_buffer_overrun_errors_steps)),
  excessive_buffer_overrun_errors_last, {version:UInt64}
FROM (
  SELECT
    host, port, boot_id,
    any(link_layer) AS link_layer, min(ts) AS first_ts, max(ts) AS last_ts, count() AS ticks,
    count(link_up) AS link_up_count, countIf(link_up = 1) AS link_up_ticks,
    countIf(saturated_mask != 0) AS saturated_ticks, min(rate_mbps) AS rate_mbps_min, max(rate_mbps) AS rate_mbps_max,
    groupBitOr(ifNull(saturated_mask, 0)) AS saturated_bits, count(saturated_mask) AS masks,
    countIf(fell(rx_bytes_before, rx_bytes)
      OR fell(tx_bytes_before, tx_bytes)
      OR fell(carrier_changes_before, carrier_changes)
      OR fell(rx_packets_before, rx_packets)
      OR fell(tx_packets_before, tx_packets)
      OR fell(rx_errors_before, rx_errors)
      OR fell(tx_errors_before, tx_errors)
      OR fell(rx_dropped_before, rx_dropped)
      OR fell(tx_dropped_before, tx_dropped)
      OR fell(rx_crc_errors_before, rx_crc_errors)
      OR fell(symbol_error_before, symbol_error)
      OR fell(link_error_recovery_before, link_error_recovery)
      OR fell(link_downed_before, link_downed)
      OR fell(port_rcv_errors_before, port_rcv_errors)
      OR fell(port_xmit_discards_before, port_xmit_discards)
      OR fell(port_xmit_wait_before, port_xmit_wait)
      OR fell(local_link_integrity_errors_before, local_link_integrity_errors)
      OR fell(excessive_buffer_overrun_errors_before, excessive_buffer_overrun_errors)) AS fallen,
    countIf(fell(rx_bytes_before, rx_bytes)) AS rx_bytes_falls,
    countIf(fell(tx_bytes_before, tx_bytes)) AS tx_bytes_falls,
    countIf(fell(rx_packets_before, rx_packets)) AS rx_packets_falls,
    countIf(fell(tx_packets_before, tx_packets)) AS tx_packets_falls,
    countIf(fell(port_xmit_wait_before, port_xmit_wait)) AS port_xmit_wait_falls,
    sumOrNull(step(rx_bytes_before, rx_bytes)) AS rx_bytes_steps, argMin(rx_bytes, ts) AS rx_bytes_first,
    argMax(rx_bytes, ts) AS rx_bytes_last, sumOrNull(step(tx_bytes_before, tx_bytes)) AS tx_bytes_steps,
    argMin(tx_bytes, ts) AS tx_bytes_first, argMax(tx_bytes, ts) AS tx_bytes_last,
    sumOrNull(step(carrier_changes_before, carrier_changes)) AS carrier_changes_steps,
    argMin(carrier_changes, ts) AS carrier_changes_first, argMax(carrier_changes, ts) AS carrier_changes_last,
    sumOrNull(step(rx_packets_before, rx_packets)) AS rx_packets_steps, argMin(rx_packets, ts) AS rx_packets_first,
    argMax(rx_packets, ts) AS rx_packets_last, sumOrNull(step(tx_packets_before, tx_packets)) AS tx_packets_steps,
    argMin(tx_packets, ts) AS tx_packets_first, argMax(tx_packets, ts) AS tx_packets_last,
    sumOrNull(step(rx_errors_before, rx_errors)) AS rx_errors_steps, argMin(rx_errors, ts) AS rx_errors_first,
    argMax(rx_errors, ts) AS rx_errors_last, sumOrNull(step(tx_errors_before, tx_errors)) AS tx_errors_steps,
    argMin(tx_errors, ts) AS tx_errors_first, argMax(tx_errors, ts) AS tx_errors_last,
    sumOrNull(step(rx_dropped_before, rx_dropped)) AS rx_dropped_steps, argMin(rx_dropped, ts) AS rx_dropped_first,
    argMax(rx_dropped, ts) AS rx_dropped_last, sumOrNull(step(tx_dropped_before, tx_dropped)) AS tx_dropped_steps,
    argMin(tx_dropped, ts) AS tx_dropped_first, argMax(tx_dropped, ts) AS tx_dropped_last,
    sumOrNull(step(rx_crc_errors_before, rx_crc_errors)) AS rx_crc_errors_steps,
    argMin(rx_crc_errors, ts) AS rx_crc_errors_first, argMax(rx_crc_errors, ts) AS rx_crc_errors_last,
    sumOrNull(step(symbol_error_before, symbol_error)) AS symbol_error_steps,
    argMin(symbol_error, ts) AS symbol_error_first, argMax(symbol_error, ts) AS symbol_error_last,
    sumOrNull(step(link_error_recovery_before, link_error_recovery)) AS link_error_recovery_steps,
    argMin(link_error_recovery, ts) AS link_error_recovery_first,
    argMax(link_error_recovery, ts) AS link_error_recovery_last,
    sumOrNull(step(link_downed_before, link_downed)) AS link_downed_steps,
    argMin(link_downed, ts) AS link_downed_first, argMax(link_downed, ts) AS link_downed_last,
    sumOrNull(step(port_rcv_errors_before, port_rcv_errors)) AS port_rcv_errors_steps,
    argMin(port_rcv_errors, ts) AS port_rcv_errors_first, argMax(port_rcv_errors, ts) AS port_rcv_errors_last,
    sumOrNull(step(port_xmit_discards_before, port_xmit_discards)) AS port_xmit_discards_steps,
    argMin(port_xmit_discards, ts) AS port_xmit_discards_first,
    argMax(port_xmit_discards, ts) AS port_xmit_discards_last,
    sumOrNull(step(port_xmit_wait_before, port_xmit_wait)) AS port_xmit_wait_steps,
    argMin(port_xmit_wait, ts) AS port_xmit_wait_first, argMax(port_xmit_wait, ts) AS port_xmit_wait_last,
    sumOrNull(step(local_link_integrity_errors_before, local_link_integrity_errors)) AS local_link_integrity_errors_steps,
    argMin(local_link_integrity_errors, ts) AS local_link_integrity_errors_first,
    argMax(local_link_integrity_errors, ts) AS local_link_integrity_errors_last,
    sumOrNull(step(excessive_buffer_overrun_errors_before, excessive_buffer_overrun_errors)) AS excessive_buffer_overrun_errors_steps,
    argMin(excessive_buffer_overrun_errors, ts) AS excessive_buffer_overrun_errors_first,
    argMax(excessive_buffer_overrun_errors, ts) AS excessive_buffer_overrun_errors_last
  FROM (
    SELECT host, port, boot_id, ts, link_layer, link_up, rate_mbps, saturated_mask,
      rx_bytes, tx_bytes, carrier_changes, rx_packets, tx_packets, rx_errors, tx_errors, rx_dropped, tx_dropped,
      rx_crc_errors, symbol_error, link_error_recovery, link_downed, port_rcv_errors, port_xmit_discards,
      port_xmit_wait, local_link_integrity_errors, excessive_buffer_overrun_errors,
      anyLast(rx_bytes) OVER earlier AS rx_bytes_before, anyLast(tx_bytes) OVER earlier AS tx_bytes_before,
      anyLast(carrier_changes) OVER earlier AS carrier_changes_before,
      anyLast(rx_packets) OVER earlier AS rx_packets_before, anyLast(tx_packets) OVER earlier AS tx_packets_before,
      anyLast(rx_errors) OVER earlier AS rx_errors_before, anyLast(tx_errors) OVER earlier AS tx_errors_before,
      anyLast(rx_dropped) OVER earlier AS rx_dropped_before, anyLast(tx_dropped) OVER earlier AS tx_dropped_before,
      anyLast(rx_crc_errors) OVER earlier AS rx_crc_errors_before,
      anyLast(symbol_error) OVER earlier AS symbol_error_before,
      anyLast(link_error_recovery) OVER earlier AS link_error_recovery_before,
      anyLast(link_downed) OVER earlier AS link_downed_before,
      anyLast(port_rcv_errors) OVER earlier AS port_rcv_errors_before,
      anyLast(port_xmit_discards) OVER earlier AS port_xmit_discards_before,
      anyLast(port_xmit_wait) OVER earlier AS port_xmit_wait_before,
      anyLast(local_link_integrity_errors) OVER earlier AS local_link_integrity_errors_before,
      anyLast(excessive_buffer_overrun_errors) OVER earlier AS excessive_buffer_overrun_errors_before
    FROM nic_sample FINAL
    WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
      AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    WINDOW earlier AS (
      PARTITION BY host, port, boot_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  )
  GROUP BY host, port, boot_id
) AS ticked
LEFT JOIN (
  SELECT host, port, boot_id,
    argMax(rx_bytes_last, hour) AS rx_bytes_carried, argMax(tx_bytes_last, hour) AS tx_bytes_carried,
    argMax(carrier_changes_last, hour) AS carrier_changes_carried,
    argMax(rx_packets_last, hour) AS rx_packets_carried, argMax(tx_packets_last, hour) AS tx_packets_carried,
    argMax(rx_errors_last, hour) AS rx_errors_carried, argMax(tx_errors_last, hour) AS tx_errors_carried,
    argMax(rx_dropped_last, hour) AS rx_dropped_carried, argMax(tx_dropped_last, hour) AS tx_dropped_carried,
    argMax(rx_crc_errors_last, hour) AS rx_crc_errors_carried,
    argMax(symbol_error_last, hour) AS symbol_error_carried,
    argMax(link_error_recovery_last, hour) AS link_error_recovery_carried,
    argMax(link_downed_last, hour) AS link_downed_carried,
    argMax(port_rcv_errors_last, hour) AS port_rcv_errors_carried,
    argMax(port_xmit_discards_last, hour) AS port_xmit_discards_carried,
    argMax(port_xmit_wait_last, hour) AS port_xmit_wait_carried,
    argMax(local_link_integrity_errors_last, hour) AS local_link_integrity_errors_carried,
    argMax(excessive_buffer_overrun_errors_last, hour) AS excessive_buffer_overrun_errors_carried
  FROM nic_hour FINAL
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND hour >= {since:DateTime64(3, 'UTC')} - INTERVAL 7 DAY AND hour < {since:DateTime64(3, 'UTC')} AND retired = 0
  GROUP BY host, port, boot_id
) AS carried USING (host, port, boot_id)
SETTINGS do_not_merge_across_partitions_select_final = 1
