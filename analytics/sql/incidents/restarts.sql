-- When nodes came up anew: the first word of each boot but a node's first.
SELECT host AS node, at
FROM (
  SELECT host, at, row_number() OVER (PARTITION BY host ORDER BY at) AS number
  FROM (
    SELECT host, boot_id, min(ts) AS at
    FROM event
    WHERE cluster = {cluster:String} AND kind = 'agent' AND boot_id != ''
      AND ({hosts:String} = '' OR host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)'))))
    GROUP BY host, boot_id
  )
)
WHERE number > 1 AND at >= {since:DateTime64(3, 'UTC')}
ORDER BY node, at
