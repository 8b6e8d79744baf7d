-- Nodes at their last tick in the window, and what the agent cost them.
SELECT
  host,
  max(ts) AS last_tick,
  count() AS ticks,
  avg(cpu_busy_ratio) AS cpu_busy,
  argMax(tuple(memory_available_bytes), ts).1 AS memory_available,
  argMax(tuple(memory_total_bytes), ts).1 AS memory_total,
  argMax(tuple(root_used_ratio), ts).1 AS root_used,
  argMax(tuple(temp_max_c), ts).1 AS temp_max,
  argMax(tuple(uptime_s), ts).1 AS uptime,
  (argMax(tuple(agent_cpu_ms), ts).1 - argMin(tuple(agent_cpu_ms), ts).1)
    / nullIf(dateDiff('millisecond', min(ts), max(ts)), 0) AS agent_cpu_ratio,
  argMax(tuple(agent_rss_bytes), ts).1 AS agent_rss,
  max(spool_lost_batches) AS spool_lost
FROM host_sample FINAL
WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
GROUP BY host
ORDER BY host
LIMIT {top:UInt16}
