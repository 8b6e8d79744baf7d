-- Which part of each day a source told everything of.
SELECT day, since, until
FROM told FINAL
WHERE cluster = {cluster:String} AND subject = {subject:String} AND source = {source:String}
  AND day >= {since:DateTime64(3, 'UTC')} AND day < {until:DateTime64(3, 'UTC')}
ORDER BY day
