-- slow/port_suspects: nodes with a port worth a look, from nic_hour: a link slower than those of its rail under the same job, or
-- one whose share of the rail's traffic fell against its own better hours.
WITH held AS (
  SELECT job_id, host, min(ts) AS began, max(ifNull(ended_at, {until:DateTime64(3, 'UTC')})) AS ended
  FROM job FINAL
  WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 60 DAY
    AND ts < {until:DateTime64(3, 'UTC')} AND (isNull(ended_at) OR ended_at > {since:DateTime64(3, 'UTC')})
  GROUP BY job_id, host
),
slots AS (
  SELECT host, port, hour, rate_mbps_min AS rate, rx_bytes_increase + tx_bytes_increase AS grown
  FROM nic_hour FINAL
  WHERE cluster = {cluster:String} AND hour >= {since:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
    AND hour < {until:DateTime64(3, 'UTC')} AND retired = 0
),
compared AS (
  SELECT job_id, host, port, rate / quantileExact(0.5)(rate) OVER rail AS rate_ratio,
    grown / nullIf(quantileExact(0.5)(grown) OVER rail, 0) AS grown_ratio
  FROM slots INNER JOIN held USING (host)
  WHERE hour >= began AND hour + INTERVAL 1 HOUR <= ended
  WINDOW rail AS (PARTITION BY job_id, port, hour)
)
SELECT job_id, host, max(worst) AS score
FROM (
  SELECT job_id, host, port,
    greatest(ifNull(1 - min(rate_ratio), 0), ifNull(1 - min(grown_ratio) / quantileExact(0.75)(grown_ratio), 0)) AS worst
  FROM compared
  GROUP BY job_id, host, port
)
GROUP BY job_id, host
HAVING score >= {suspect_ratio:Float64}
ORDER BY score DESC, job_id, host
LIMIT 16 BY job_id
LIMIT 64
