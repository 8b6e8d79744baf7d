-- What a node's GPUs are since when: model, firmware and driver, as its agent or an import said. Of GPUs that differ the greatest name.
CREATE OR REPLACE VIEW node_gpu_attribute AS
SELECT cluster, host, ts, max(model) AS model, max(firmware) AS firmware, max(driver_version) AS driver
FROM inventory FINAL
WHERE subject_kind = 'gpu'
GROUP BY cluster, host, ts;
-- What a node is since when: rack, delivery batch, when it was put into service.
CREATE OR REPLACE VIEW node_place_attribute AS
SELECT cluster, host, ts, max(rack) AS rack, max(JSONExtractString(fields, 'batch')) AS batch,
  parseDateTime64BestEffortOrNull(max(if(JSONExtractString(fields, 'in_service_from') != '',
    JSONExtractString(fields, 'in_service_from'), JSONExtractString(fields, 'powered_on_at'))), 3, 'UTC') AS installed
FROM inventory FINAL
WHERE subject_kind = 'node'
GROUP BY cluster, host, ts;
