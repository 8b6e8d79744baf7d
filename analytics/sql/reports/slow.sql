-- slow: findings that lasted into the window, the greatest loss first.
SELECT host, subject_kind, subject, metric, job_id, onset, until, slow_ratio, confidence_ratio, peers, gpu_hours_lost, evidence
FROM slow_finding FINAL
WHERE cluster = {cluster:String} AND retired = 0 AND onset < {until:DateTime64(3, 'UTC')}
  AND (isNull(until) OR until > {since:DateTime64(3, 'UTC')})
ORDER BY ifNull(gpu_hours_lost, 0) DESC, slow_ratio DESC, host, subject, metric, onset
LIMIT 1000
