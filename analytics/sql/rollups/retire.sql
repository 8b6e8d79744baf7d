-- Take back the rows of one hour or day that its last computation did not give again: their devices, boots or hosts have no
-- row in the source any more.
INSERT INTO {rollup:Identifier}
SELECT * REPLACE (1 AS retired, {version:UInt64} AS version, now() AS ingested_at)
FROM (
  SELECT *
  FROM {rollup:Identifier} FINAL
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND {period:Identifier} = {since:DateTime64(3, 'UTC')} AND retired = 0 AND version < {version:UInt64}
)
