-- Mutations that are not done.
SELECT table, mutation_id, toInt64(dateDiff('second', create_time, now())) AS age_s, toInt64(parts_to_do) AS parts_to_do,
  latest_fail_reason AS reason
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done
ORDER BY age_s DESC
LIMIT {top:UInt16}
