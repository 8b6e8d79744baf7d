-- Exposure of undated counts that the window would have to split, and therefore leaves out with its counts.
SELECT count() AS rows_left_out
FROM exposure FINAL
WHERE cluster = {cluster:String} AND retired = 0 AND divisible = 0
  AND since < {until:DateTime64(3, 'UTC')} AND until > {since:DateTime64(3, 'UTC')}
  AND NOT (since >= {since:DateTime64(3, 'UTC')} AND until <= {until:DateTime64(3, 'UTC')})
