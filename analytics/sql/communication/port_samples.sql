-- communication/port_samples: traffic of the physical ports of some hosts by tick, a row a host, as arrays that go together; the
-- busier direction of each device, added over devices. RDMA and Ethernet counters of one device are one traffic: the greater
-- counts. The first tick, and one after a counter fell, is missing. `limit_bytes_per_s` is what the devices' links carry.
SELECT host, groupArray(at) AS at_ms, groupArray(rate) AS bytes_per_s, ifNull(max(top), 0) AS limit_bytes_per_s
FROM (
  SELECT host, at, sum(device_rate) AS rate, sum(device_top) AS top
  FROM (
    SELECT host, pci, at, max(port_rate) AS device_rate, max(port_top) AS device_top
    FROM (
      SELECT host, pci, toUnixTimestamp64Milli(ts) AS at, toFloat64(rate_mbps) * 125000 AS port_top,
        toFloat64(at - lagInFrame(toNullable(toUnixTimestamp64Milli(ts))) OVER earlier) / 1000 AS seconds,
        toFloat64(toInt64(rx_bytes) - lagInFrame(toNullable(toInt64(rx_bytes))) OVER earlier) AS received,
        toFloat64(toInt64(tx_bytes) - lagInFrame(toNullable(toInt64(tx_bytes))) OVER earlier) AS sent,
        ifNull(if(received < 0 OR sent < 0 OR seconds <= 0, nan, greatest(received, sent) / seconds), nan) AS port_rate
      FROM (
        SELECT host, port, boot_id, pci, ts, rate_mbps, rx_bytes, tx_bytes
        FROM nic_sample
        WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
          AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')} AND pci != ''
        ORDER BY host, port, ts
        LIMIT 1 BY host, port, ts
      )
      WINDOW earlier AS (PARTITION BY host, port, boot_id ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    )
    GROUP BY host, pci, at
  )
  GROUP BY host, at
  ORDER BY host, at
)
GROUP BY host
ORDER BY host
