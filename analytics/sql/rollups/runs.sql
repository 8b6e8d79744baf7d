-- What was rolled up when: the last pass, and the periods that had rows.
SELECT scope, period, until, settled_at, version
FROM rollup_run FINAL
WHERE rollup = {rollup:String}
ORDER BY scope, period
