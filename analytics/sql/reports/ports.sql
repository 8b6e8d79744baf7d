-- Network ports at their last tick in the window, with what they carried and how they erred since the first. Counters are
-- differentiated per boot; a saturated one has no growth to tell.
SELECT
  host, port, link_layer,
  argMax(tuple(link_up), ts).1 AS link_up_now,
  argMax(tuple(rate_mbps), ts).1 AS rate_mbps_now,
  max(rx_bytes) - min(rx_bytes) AS rx_bytes_grown,
  max(tx_bytes) - min(tx_bytes) AS tx_bytes_grown,
  if(count(rx_errors) + count(tx_errors) + count(symbol_error) + count(port_rcv_errors) = 0, NULL,
    ifNull(max(rx_errors) - min(rx_errors), 0) + ifNull(max(tx_errors) - min(tx_errors), 0)
    + ifNull(max(symbol_error) - min(symbol_error), 0) + ifNull(max(port_rcv_errors) - min(port_rcv_errors), 0)) AS errors_grown,
  max(carrier_changes) - min(carrier_changes) AS carrier_changes_grown,
  max(ifNull(saturated_mask, 0)) AS saturated,
  count() AS ticks
FROM nic_sample FINAL
WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
GROUP BY host, boot_id, port, link_layer
ORDER BY errors_grown DESC, rx_bytes_grown DESC, host, port
LIMIT {top:UInt16}
