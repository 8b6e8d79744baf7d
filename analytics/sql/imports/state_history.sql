-- Everything that was said of some nodes, the newest first.
SELECT host, source, since, state, raw_state, reason, said_by, gpus
FROM node_state FINAL
WHERE cluster = {cluster:String} AND retired = 0 AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
ORDER BY host, node_state.since DESC, source
LIMIT 1000
