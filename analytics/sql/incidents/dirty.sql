-- What was stored since the last pass and may change an incident, or was stored before and has come to pass since: hosts, and
-- the earliest moment that it speaks of. What people did goes back to where its incident opened; late presence fills a silence.
SELECT host, min(moment) AS earliest
FROM (
  SELECT host, ts AS moment FROM event
  WHERE cluster = {cluster:String} AND (ingested_at >= {settled:DateTime64(3, 'UTC')} OR ts >= {settled:DateTime64(3, 'UTC')})
    AND (kind IN ('xid', 'sxid', 'gpu_off_bus', 'collective_timeout', 'collective_abort', 'peer_reset', 'agent')
      OR (kind IN ('ib_link', 'eth_link') AND code = 'link_down')
      OR (severity = 'fail' AND kind != 'offsets_lost'))
  UNION ALL
  SELECT host, since FROM node_state
  WHERE cluster = {cluster:String} AND (ingested_at >= {settled:DateTime64(3, 'UTC')} OR since >= {settled:DateTime64(3, 'UTC')})
  UNION ALL
  SELECT host, ts FROM job WHERE cluster = {cluster:String} AND ingested_at >= {settled:DateTime64(3, 'UTC')}
  UNION ALL
  SELECT if(ifNull(element, '') != '', assumeNotNull(element), node), opened_at FROM incident
  WHERE cluster = {cluster:String} AND source = 'events' AND incident_id IN (
    SELECT incident_id FROM incident_action
    WHERE cluster = {cluster:String} AND action IN ('close', 'reopen') AND ingested_at >= {settled:DateTime64(3, 'UTC')})
  UNION ALL
  SELECT host, min(ts) FROM presence
  WHERE cluster = {cluster:String} AND ingested_at >= {settled:DateTime64(3, 'UTC')}
    AND ts < {settled:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
  GROUP BY host
)
GROUP BY host
