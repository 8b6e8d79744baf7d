-- GPUs by node, as the inventory last had them.
SELECT host AS node, groupUniqArray(subject) AS gpus
FROM inventory
WHERE cluster = {cluster:String} AND subject_kind = 'gpu' AND ts < {until:DateTime64(3, 'UTC')}
GROUP BY host
ORDER BY node
