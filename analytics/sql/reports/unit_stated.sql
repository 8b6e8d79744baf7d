-- Exposure that imports state, clipped to the window: by GPU, node and interval; a nameless block has neither.
SELECT gpu, node, begins AS since, ends AS until, sum(gpus) AS gpus
FROM (
  SELECT DISTINCT gpu, node, gpus, greatest(since, {since:DateTime64(3, 'UTC')}) AS begins,
    least(until, {until:DateTime64(3, 'UTC')}) AS ends
  FROM exposure FINAL
  WHERE cluster = {cluster:String} AND retired = 0
    AND since < {until:DateTime64(3, 'UTC')} AND until > {since:DateTime64(3, 'UTC')}
    AND (divisible = 1 OR (since >= {since:DateTime64(3, 'UTC')} AND until <= {until:DateTime64(3, 'UTC')}))
)
WHERE ends > begins
GROUP BY gpu, node, since, until
ORDER BY node, gpu, since
