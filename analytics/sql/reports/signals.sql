-- Error signals of a cluster, in the order of their time: what incidents are made of. Xids of any kind, and every other line
-- that says something failed; a port that goes down is left to the network's own incidents.
SELECT
  host, source, if(gpu_uuid != '', gpu_uuid, pci) AS device, kind, code, severity, ts, last_ts, count, boot_id, text
FROM event FINAL
WHERE cluster = {cluster:String}
  AND (kind IN ('xid', 'sxid', 'gpu_off_bus') OR (severity = 'fail' AND kind != 'ib_link'))
ORDER BY host, device, kind, code, ts, last_ts, source, source_seq
