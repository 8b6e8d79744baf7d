-- Error signals of some hosts (all, if none is named) since a moment: what incidents are made of. Xids of any kind, every other
-- line that says something failed, links that went down, and what jobs and imports say of collectives; what the collectors
-- lost is no fault of the cluster. An agent that was killed may send a record again: within a boot the sequence at its source
-- tells that it is the same one. Imports know no boot.
SELECT
  host, source, if(gpu_uuid != '', gpu_uuid, if(pci != '', pci, JSONExtractString(fields, 'device'))) AS device, kind, code,
  severity, ts, last_ts, count, boot_id, text, driver_version, JSONExtractString(fields, 'element') AS element,
  ifNull(job_id, '') AS job
FROM event FINAL
WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')}
  AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
  AND (kind IN ('xid', 'sxid', 'gpu_off_bus', 'collective_timeout', 'collective_abort', 'peer_reset')
    OR (kind IN ('ib_link', 'eth_link') AND code = 'link_down')
    OR (severity = 'fail' AND kind != 'offsets_lost'))
ORDER BY host, device, kind, code, ts, last_ts, source, source_seq
LIMIT 1 BY host, boot_id, source, source_seq, kind, code, if(boot_id = '', ts, toDateTime64(0, 3, 'UTC'))
