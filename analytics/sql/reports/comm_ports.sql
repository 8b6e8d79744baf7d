-- Ports of the nodes of a job (JSON array of one id; at most 512 nodes) in a day before and the day after `cut`, rolled up hours
-- only: growth of error counters, and of time with data to send and no leave to (PortXmitWait). The worst first.
SELECT
  host, port,
  sumIf(erred, hour < {cut:DateTime64(3, 'UTC')}) AS errors_before,
  sumIf(erred, hour >= {cut:DateTime64(3, 'UTC')}) AS errors_after,
  sumIf(held_back, hour < {cut:DateTime64(3, 'UTC')}) AS waits_before,
  sumIf(held_back, hour >= {cut:DateTime64(3, 'UTC')}) AS waits_after
FROM (
  SELECT host, port, hour, ifNull(port_xmit_wait_increase, 0) AS held_back,
    ifNull(symbol_error_increase, 0) + ifNull(link_error_recovery_increase, 0) + ifNull(link_downed_increase, 0)
      + ifNull(port_rcv_errors_increase, 0) + ifNull(local_link_integrity_errors_increase, 0)
      + ifNull(port_xmit_discards_increase, 0) + ifNull(rx_crc_errors_increase, 0) + ifNull(carrier_changes_increase, 0) AS erred
  FROM nic_hour FINAL
  WHERE cluster = {cluster:String} AND retired = 0
    AND ((hour >= {since:DateTime64(3, 'UTC')} AND hour < {since:DateTime64(3, 'UTC')} + INTERVAL 1 DAY AND hour < {cut:DateTime64(3, 'UTC')})
      OR (hour >= {cut:DateTime64(3, 'UTC')} AND hour >= {until:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AND hour < {until:DateTime64(3, 'UTC')}))
    AND host IN (
      SELECT host FROM job
      WHERE cluster = {cluster:String} AND job_id IN (SELECT arrayJoin(JSONExtract({jobs:String}, 'Array(String)')))
      GROUP BY host ORDER BY host LIMIT 512)
  SETTINGS do_not_merge_across_partitions_select_final = 1
)
GROUP BY host, port
ORDER BY errors_after DESC, waits_after DESC, host, port
LIMIT 4096
