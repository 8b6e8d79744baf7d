-- The last pass over a cluster.
SELECT rules, settled_at FROM incident_run FINAL WHERE cluster = {cluster:String}
