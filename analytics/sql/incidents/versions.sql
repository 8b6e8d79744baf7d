-- Versions of the catalogue that have judged a cluster, the newest first.
SELECT catalog_version, countIf(retired = 0) AS incidents, max(ingested_at) AS last_judged
FROM incident_judged FINAL
WHERE cluster = {cluster:String}
GROUP BY catalog_version
ORDER BY last_judged DESC, catalog_version
