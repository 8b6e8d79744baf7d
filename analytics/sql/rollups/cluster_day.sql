-- cluster_day: one UTC day of a cluster. A minute in which many nodes reported is one minute.
INSERT INTO cluster_day (cluster, day, minutes, retired, version)
SELECT {cluster:String}, {since:DateTime64(3, 'UTC')}, uniqExact(ts), 0, {version:UInt64}
FROM presence
WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
