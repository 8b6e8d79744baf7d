-- Whether anything is known of communication within a window: 1 or 0. Cheap where nothing is, and counted rather than cut short by a
-- LIMIT, which would break off what shards are sending.
SELECT toUInt8(count() > 0) AS found
FROM collective
WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
