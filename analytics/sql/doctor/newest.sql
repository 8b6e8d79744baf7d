-- The newest rows of a table. Only the last inserted part of each of its two latest partitions is read: block numbers grow
-- with every insert, so that part has the last one.
SELECT count() AS row_count, max(ts) AS newest_ts, max(ingested_at) AS ingested_at, now64(3, 'UTC') AS now
FROM {table:Identifier}
WHERE _part IN (
  SELECT name FROM system.parts
  WHERE database = currentDatabase() AND table = {table:String} AND active
  ORDER BY partition_id DESC, max_block_number DESC
  LIMIT 1 BY partition_id
  LIMIT 2
)
