-- slow/standing: findings that a pass over a window may change: those that still lasted when it began.
SELECT host, subject_kind, subject, metric, onset, job_id, slow_ratio, confidence_ratio, peers, evidence, until, gpu_hours_lost
FROM slow_finding FINAL
WHERE cluster = {cluster:String} AND retired = 0 AND onset < {until:DateTime64(3, 'UTC')}
  AND (isNull(until) OR until > {since:DateTime64(3, 'UTC')})
ORDER BY host, subject, metric, onset
LIMIT 100000
