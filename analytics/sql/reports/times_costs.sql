-- Unexpected incidents by cause, with what the source itself says of their cost: a share of all GPU time lost, or GPU-hours.
SELECT
  class AS cls,
  cause,
  category,
  toUInt64(sum(count)) AS incidents,
  sum(cost_share) AS told_share,
  sum(incident_exposed.gpu_hours_lost) AS told_gpu_hours,
  toUInt64(sumIf(count, isNotNull(cost_share) OR isNotNull(incident_exposed.gpu_hours_lost))) AS told
FROM incident_exposed
WHERE cluster = {cluster:String} AND domain != 'planned' AND impact = 'fault' AND exposed = 1
  AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
  AND (dated = 1 OR period_until <= {until:DateTime64(3, 'UTC')})
GROUP BY class, cause, category
ORDER BY incidents DESC, cause, category
