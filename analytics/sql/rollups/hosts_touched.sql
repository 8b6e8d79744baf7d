-- Hosts that rows stored since a moment belong to on one day, and how many.
SELECT cluster, host, sum(rows) AS rows
FROM kpi_touched(
  cluster = '', stored_since = {stored_since:DateTime64(3, 'UTC')}, since = {since:DateTime64(3, 'UTC')},
  until = {until:DateTime64(3, 'UTC')})
GROUP BY cluster, host
ORDER BY cluster, host
