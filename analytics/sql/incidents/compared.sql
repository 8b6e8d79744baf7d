-- What two versions of the catalogue made of the same events, where they differ: an empty side is no incident.
SELECT
  old.incident_id AS incident_id, greatest(old.opened_at, new.opened_at) AS opened, if(old.node != '', old.node, new.node) AS root,
  old.cause AS old_cause, old.class AS old_class, old.impact AS old_impact,
  new.cause AS new_cause, new.class AS new_class, new.impact AS new_impact
FROM (
  SELECT incident_id, opened_at, node, cause, class, impact FROM incident_judged FINAL
  WHERE cluster = {cluster:String} AND catalog_version = {old:String} AND retired = 0
) AS old
FULL JOIN (
  SELECT incident_id, opened_at, node, cause, class, impact FROM incident_judged FINAL
  WHERE cluster = {cluster:String} AND catalog_version = {new:String} AND retired = 0
) AS new USING incident_id
WHERE (old.cause, old.class, old.impact) != (new.cause, new.class, new.impact)
ORDER BY opened, incident_id
