-- What each source last said of each node up to a moment.
SELECT host, source, since, state, raw_state, reason, said_by, gpus
FROM node_state FINAL
WHERE cluster = {cluster:String} AND retired = 0 AND since <= {until:DateTime64(3, 'UTC')}
ORDER BY host, node_state.since DESC, version DESC, source DESC
LIMIT 1 BY host, source
