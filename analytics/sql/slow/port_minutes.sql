-- slow/port_minutes: minutes of the physical ports of some hosts, a row a port, as arrays. Traffic that fell may have wrapped and
-- is missing. A port is compared with those of the same name on other hosts: its rail.
SELECT host, port, any(product) AS model, groupArray(minute) AS minutes, groupArray(rate) AS rate_mbps,
  groupArray(traffic) AS bytes_per_s
FROM (
  SELECT host, port,
    toUInt32(intDiv(toUnixTimestamp64Milli(ts) - toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')}), 60000)) AS minute,
    ifNull(toFloat64(min(rate_mbps)), nan) AS rate, max(toUnixTimestamp64Milli(ts)) - min(toUnixTimestamp64Milli(ts)) AS span_ms,
    argMin(rx_bytes + tx_bytes, ts) AS first, argMax(rx_bytes + tx_bytes, ts) AS last, max(rx_bytes + tx_bytes) AS highest,
    if(span_ms >= 30000 AND last = highest, ifNull(1000. * (last - first) / span_ms, nan), nan) AS traffic
  FROM nic_sample
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')} AND pci != ''
  GROUP BY host, port, minute
  ORDER BY host, port, minute
) AS seen
LEFT JOIN (
  SELECT host, subject AS port, argMax(model, ts) AS product
  FROM inventory
  WHERE cluster = {cluster:String} AND subject_kind = 'port'
    AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
  GROUP BY host, subject
) AS known USING (host, port)
GROUP BY host, port
ORDER BY host, port
