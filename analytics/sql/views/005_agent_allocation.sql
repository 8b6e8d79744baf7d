-- Share of a node's GPU time that jobs held in an hour as the agents' own job ids say, for clusters whose scheduler exports
-- nothing: from gpu_hour. A day on which an agent named no job says nothing, since it may be unable to.
CREATE OR REPLACE VIEW agent_allocation AS
SELECT host, hour, sum(job_ticks) / sum(ticks) AS share
FROM gpu_hour FINAL
WHERE cluster = {cluster:String} AND retired = 0 AND hour >= toStartOfDay({since:DateTime64(3, 'UTC')})
  AND hour < {until:DateTime64(3, 'UTC')}
  AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
GROUP BY host, hour
HAVING sum(ticks) > 0
QUALIFY max(sum(job_ticks)) OVER (PARTITION BY host, toStartOfDay(hour)) > 0;
