-- slow/gpu_kinds: what the GPUs of some hosts are, and the power limits in force: only equals are compared.
SELECT host, gpu_uuid, max(model) AS product, max(power_limit) AS limit_mw, max(power_default) AS default_mw, max(mig) AS mig_on
FROM (
  SELECT host, subject AS gpu_uuid, argMax(model, ts) AS model, CAST(NULL AS Nullable(UInt32)) AS power_limit,
    CAST(NULL AS Nullable(UInt32)) AS power_default, CAST(NULL AS Nullable(UInt8)) AS mig
  FROM inventory
  WHERE cluster = {cluster:String} AND subject_kind = 'gpu'
    AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
  GROUP BY host, subject
  UNION ALL
  SELECT host, gpu_uuid, '' AS model, argMax(power_limit_mw, ts) AS power_limit,
    argMax(power_limit_default_mw, ts) AS power_default, max(mig_mode) AS mig
  FROM gpu_health
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  GROUP BY host, gpu_uuid
)
GROUP BY host, gpu_uuid
ORDER BY host, gpu_uuid
