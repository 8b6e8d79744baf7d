-- Faults per 1000 in-service GPU-days with the Garwood interval, for dashboards: the same counts and the same exposure as
-- causes.sql, unit_exposure.sql and exposure_stated.sql, the limits from a table that migrate fills.
SELECT
  fault_count,
  gpu_days,
  1000 * fault_count / nullIf(gpu_days, 0) AS per_1000_gpu_days,
  1000 * low / nullIf(gpu_days, 0) AS low_95,
  1000 * high / nullIf(gpu_days, 0) AS high_95
FROM (
  SELECT
    toUInt32(ifNull((
      SELECT sum(count) FROM incident_exposed
      WHERE cluster = {cluster:String} AND domain = 'infrastructure' AND impact = 'fault' AND exposed = 1
        AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
        AND (dated = 1 OR period_until <= {until:DateTime64(3, 'UTC')})
    ), 0)) AS fault_count,
    ifNull((
      SELECT sum(in_service) / 1440 FROM node_day_between(
        cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
    ), 0) + ifNull((
      SELECT sum(gpus * greatest(0, dateDiff('millisecond', greatest(begins, ended_before), ends))) / 86400000
      FROM (
        SELECT gpus, begins, ends, if(gpu = '', begins, max(ends) OVER (
          PARTITION BY gpu ORDER BY begins, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS ended_before
        FROM (
          SELECT DISTINCT gpu, node, gpus, all_bases, greatest(since, {since:DateTime64(3, 'UTC')}) AS begins,
            least(until, {until:DateTime64(3, 'UTC')}, now64(3), ifNull(
              (SELECT minOrNull(first_minute) FROM node_day_between(
                 cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})),
              {until:DateTime64(3, 'UTC')})) AS ends
          FROM exposure FINAL
          WHERE cluster = {cluster:String} AND retired = 0
            AND since < {until:DateTime64(3, 'UTC')} AND until > {since:DateTime64(3, 'UTC')}
            AND (divisible = 1 OR (since >= {since:DateTime64(3, 'UTC')} AND until <= {until:DateTime64(3, 'UTC')}))
        )
        WHERE ends > begins
      )
    ), 0) AS gpu_days
) AS evidence
LEFT JOIN (SELECT k, low, high FROM poisson_limit FINAL) AS limits ON limits.k = evidence.fault_count
