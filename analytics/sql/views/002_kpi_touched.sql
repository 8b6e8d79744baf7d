-- Node-days that rows stored since a moment belong to, whatever their table: node-minutes; states from their beginning until the
-- next one, on days that say something by them or were rolled up before; jobs until a day after their end, since an earlier import
-- may have taken them to be running; and for what a source told of a whole cluster every node that any of these knows.
-- stored_since of 1970 means everything. A cluster's name, or '' for all of them.
CREATE OR REPLACE VIEW kpi_touched AS
WITH
  least({until:DateTime64(3, 'UTC')}, now64(3)) AS last,
  (SELECT (min(day), max(day) + INTERVAL 1 DAY) FROM told
    WHERE ingested_at >= {stored_since:DateTime64(3, 'UTC')} AND ({cluster:String} = '' OR cluster = {cluster:String})) AS told_anew,
  (a, b) -> arrayMap(number -> toStartOfDay(a) + toIntervalDay(number),
    range(toUInt32(greatest(0, dateDiff('day', a, b - INTERVAL 1 MILLISECOND) + 1)))) AS days_between
SELECT cluster, host, toStartOfDay(ts) AS day, count() AS rows
FROM presence
WHERE ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  AND ingested_at >= {stored_since:DateTime64(3, 'UTC')} AND ({cluster:String} = '' OR cluster = {cluster:String})
GROUP BY cluster, host, day
UNION ALL
SELECT cluster, host, day, 1 AS rows
FROM (
  SELECT cluster, host, state, fresh, arrayJoin(days_between(begins, ends)) AS day
  FROM (
    SELECT cluster, host, state, fresh,
      greatest(changed.since, {since:DateTime64(3, 'UTC')}, if(fresh, changed.since, assumeNotNull(told_anew.1))) AS begins,
      least(if(following.since = toDateTime64(0, 3, 'UTC'), last, following.since), last, if(fresh, last, assumeNotNull(told_anew.2))) AS ends
    FROM (
      SELECT cluster, host, since, state, ingested_at >= {stored_since:DateTime64(3, 'UTC')} AS fresh FROM node_state
      WHERE since < last AND (fresh OR since < assumeNotNull(told_anew.2)) AND ({cluster:String} = '' OR cluster = {cluster:String})
    ) AS changed
    ASOF LEFT JOIN (
      SELECT cluster, host, since FROM node_state FINAL
      WHERE retired = 0 AND ({cluster:String} = '' OR cluster = {cluster:String})
    ) AS following
    ON following.cluster = changed.cluster AND following.host = changed.host AND following.since > changed.since
  )
  WHERE begins < ends
)
WHERE if(fresh, state IN ('drained', 'repair', 'planned')
    OR (cluster, day) IN (SELECT cluster, day FROM told WHERE subject = 'states')
    OR (cluster, day) IN (SELECT cluster, day FROM cluster_day),
  (cluster, day) IN (SELECT cluster, day FROM told WHERE ingested_at >= {stored_since:DateTime64(3, 'UTC')}))
UNION ALL
SELECT cluster, host, day, 1 AS rows
FROM (
  SELECT cluster, host, fresh, arrayJoin(days_between(begins, ends)) AS day
  FROM (
    SELECT cluster, host, ingested_at >= {stored_since:DateTime64(3, 'UTC')} AS fresh,
      greatest(ts, {since:DateTime64(3, 'UTC')}, if(fresh, ts, assumeNotNull(told_anew.1))) AS begins,
      least(ifNull(ended_at + INTERVAL 1 DAY, last), last, if(fresh, last, assumeNotNull(told_anew.2))) AS ends
    FROM job
    WHERE boot_id = '' AND ts < last AND (fresh OR ts < assumeNotNull(told_anew.2)) AND ({cluster:String} = '' OR cluster = {cluster:String})
  )
  WHERE begins < ends
)
WHERE fresh OR (cluster, day) IN (SELECT cluster, day FROM told WHERE ingested_at >= {stored_since:DateTime64(3, 'UTC')})
UNION ALL
SELECT cluster, host, day, 1 AS rows
FROM kpi_day
WHERE day >= {since:DateTime64(3, 'UTC')} AND day < {until:DateTime64(3, 'UTC')}
  AND ({cluster:String} = '' OR cluster = {cluster:String})
  AND (cluster, day) IN (SELECT cluster, day FROM told WHERE ingested_at >= {stored_since:DateTime64(3, 'UTC')});
