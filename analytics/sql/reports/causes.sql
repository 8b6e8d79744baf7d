-- Incidents by cause within the window, with the domain that decides where a report counts them, and whether an exposure stands
-- against them (the view incident_exposed says when): no rate may count the others.
SELECT
  domain, class AS cls, cause, category, impact, exposed, sum(count) AS incidents,
  sum(toUInt8(dated = 1 AND isNull(closed_at))) AS still_open
FROM incident_exposed
WHERE cluster = {cluster:String} AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
  AND (dated = 1 OR period_until <= {until:DateTime64(3, 'UTC')})
GROUP BY domain, class, cause, category, impact, exposed
ORDER BY incidents DESC, cause, category
