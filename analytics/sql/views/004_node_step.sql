-- What schedulers and people say of the nodes of a cluster within a window, as steps: from `begins` until `ends` a node was in
-- this state (empty: nobody says) and the jobs of the scheduler's own export held so many of its GPUs. Job rows with a boot are
-- the agents' own, of jobs that the export has too. `hosts` is a JSON array of names, or '' for all.
CREATE OR REPLACE VIEW node_step AS
WITH least({until:DateTime64(3, 'UTC')}, now64(3)) AS last
SELECT host, step.1 AS begins, step.2 AS ends, step.3 AS state, greatest(0, step.4) AS gpus, step.5 AS held
FROM (
  SELECT host,
    arraySort(change -> change.1, groupArray((at, says, has, taken))) AS changes,
    arrayMap(change -> change.1, changes) AS times,
    arrayJoin(arrayZip(
      times,
      arrayPushBack(arrayPopFront(times), last),
      arrayFill(state -> state != '', arrayMap(change -> change.2, changes)),
      arrayFill(gpus -> gpus >= 0, arrayMap(change -> change.3, changes)),
      arrayCumSum(arrayMap(change -> change.4, changes))
    )) AS step
  FROM (
    SELECT host, at, argMax(told_state, told_order) AS says, max(told_gpus) AS has, sum(delta) AS taken
    FROM (
      SELECT host, greatest(since, {since:DateTime64(3, 'UTC')}) AS at, argMax(state, (since, version, source)) AS told_state,
        toUInt8(1) AS told_order, argMax(toInt32(ifNull(gpus, -1)), (isNotNull(gpus), since)) AS told_gpus, toInt64(0) AS delta
      FROM node_state FINAL
      WHERE cluster = {cluster:String} AND retired = 0 AND since < last
        AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
      GROUP BY host, at
      UNION ALL
      SELECT host, edge.1, '', toUInt8(0), toInt32(-1), edge.2
      FROM (
        SELECT host, arrayJoin([(greatest(ts, {since:DateTime64(3, 'UTC')}), toInt64(gpus)),
          (least(ifNull(ended_at, last), last), -toInt64(gpus))]) AS edge
        FROM job FINAL
        WHERE cluster = {cluster:String} AND boot_id = '' AND gpus > 0 AND ts < last
          AND ifNull(ended_at, last) > greatest(ts, {since:DateTime64(3, 'UTC')})
          AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
      )
    )
    GROUP BY host, at
  )
  GROUP BY host
)
WHERE begins < ends;
