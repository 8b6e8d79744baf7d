-- slow/passed: up to when a few things were computed, from what passes note.
SELECT `rollup`, max(rollup_run.until) AS until, max(rollup_run.version) AS at_ms
FROM rollup_run FINAL
WHERE scope = 'pass' AND `rollup` IN ('slow_finding', 'gpu_hour', 'nic_hour', 'collective')
GROUP BY `rollup`
ORDER BY `rollup`
