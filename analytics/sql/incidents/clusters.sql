-- Clusters that anything is known of which an incident could be made from.
SELECT DISTINCT cluster
FROM (
  SELECT cluster FROM event
  UNION ALL
  SELECT cluster FROM node_state
  UNION ALL
  SELECT cluster FROM job
  UNION ALL
  SELECT cluster FROM kpi_day
  UNION ALL
  SELECT cluster FROM presence WHERE ts >= (SELECT closed FROM presence_rolled)
)
ORDER BY cluster
