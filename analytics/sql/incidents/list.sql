-- Dated incidents that match, the newest first. Empty text and 1970 match everything. Planned work over more nodes than a row
-- names is found by what was said of the others: taken out for its reason while it went on. `pressing` is what needs somebody: open
-- faults, failures of unknown or of software's cause, and silent nodes; not planned work, a user's own program, or a degradation.
SELECT
  cluster, incident_id, source, domain, class AS cls, cause, impact, opened_at, closed_at, node, ifNull(element, '') AS fabric,
  gpu, ifNull(nodes, '[]') AS node_names, nodes_affected, ifNull(jobs, '[]') AS job_names, jobs_ended, nodes_out, episodes,
  signals, repeat_of, evidence AS lines, ifNull(closed_by, '') AS closed_how, ifNull(action, '') AS advice,
  ifNull(reason, '') AS why, last_signal_at AS last_signal, service_lost_at AS lost_at, service_back_at AS back_at,
  catalog_version, ifNull(driver_version, '') AS driver, note,
  toUInt8(isNull(closed_at) AND domain NOT IN ('planned', 'user') AND impact IN ('fault', 'gap')) AS pressing
FROM incident_current
WHERE ({cluster:String} = '' OR cluster = {cluster:String}) AND dated = 1
  AND ({name:String} = '' OR startsWith(incident_id, {name:String}))
  AND ({node:String} = '' OR node = {node:String} OR has(JSONExtract(ifNull(nodes, '[]'), 'Array(String)'), {node:String})
    OR element = {node:String}
    OR (class = 'planned' AND source = 'events' AND nodes_affected > length(JSONExtract(ifNull(nodes, '[]'), 'Array(String)'))
      AND arrayExists(
        said -> said.1 = cluster AND said.2 = reason AND said.3 >= opened_at AND (isNull(closed_at) OR said.3 < closed_at),
        (SELECT groupArray((cluster, if(reason = '', 'announced', substringUTF8(reason, 1, 200)), since)) FROM node_state FINAL
         WHERE retired = 0 AND state = 'planned' AND host = {node:String}))))
  AND ({open_only:UInt8} = 0 OR isNull(closed_at))
  AND ({pressing_only:UInt8} = 0 OR pressing = 1)
  AND (opened_at >= {since:DateTime64(3, 'UTC')} OR isNull(closed_at) OR closed_at >= {since:DateTime64(3, 'UTC')})
  AND opened_at < {until:DateTime64(3, 'UTC')}
ORDER BY incident_id = {name:String} DESC, opened_at DESC, incident_id
LIMIT {top:UInt32}
