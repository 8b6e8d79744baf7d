-- States of some hosts (all, if none is named) from a moment on, and what held just before it, of every source.
SELECT host AS node, since, state, source, reason, raw_state AS raw
FROM node_state FINAL
WHERE cluster = {cluster:String} AND retired = 0
  AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
ORDER BY host, since, source
