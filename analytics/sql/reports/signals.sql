-- Error signals of a cluster, in the order of their time: what incidents are made of. Xids of any kind, and every other line
-- that says something failed; a port that goes down is left to the network's own incidents, and what the collectors lost is
-- no fault of the cluster. An agent that was killed may send
-- a record again: within a boot the sequence at its source tells that it is the same one. Imports know no boot.
SELECT
  host, source, if(gpu_uuid != '', gpu_uuid, pci) AS device, kind, code, severity, ts, last_ts, count, boot_id, text,
  driver_version
FROM event FINAL
WHERE cluster = {cluster:String}
  AND (kind IN ('xid', 'sxid', 'gpu_off_bus') OR (severity = 'fail' AND kind NOT IN ('ib_link', 'offsets_lost')))
ORDER BY host, device, kind, code, ts, last_ts, source, source_seq
LIMIT 1 BY host, boot_id, source, source_seq, kind, code, if(boot_id = '', ts, toDateTime64(0, 3, 'UTC'))
