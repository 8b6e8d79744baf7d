-- Every fault of the infrastructure that a rate counts, with what its node was that day. A GPU that is known by its PCI address
-- alone has the UUID that the inventory had there at that time; where it had none, the address stays.
SELECT
  incident_id, opened_at, dated, node, if(held.uuid != '', held.uuid, root_gpu) AS gpu, element AS fabric, count, cause, nodes_affected, repeat_of, repaired_at,
  groups_5s, groups_3min, groups_15min, ifNull(gpu_side.model, '') AS model, ifNull(gpu_side.driver, '') AS driver,
  ifNull(gpu_side.firmware, '') AS firmware, ifNull(place.rack, '') AS rack, ifNull(place.batch, '') AS batch,
  place.installed AS installed
FROM (
  SELECT cluster, incident_id, opened_at, dated, node, gpu AS root_gpu, lower(gpu) AS address, ifNull(incident_exposed.element, '') AS element, count, cause,
    nodes_affected, repeat_of, service_back_at AS repaired_at, ifNull(gap_groups_5s, 1) * count AS groups_5s,
    ifNull(gap_groups_3min, 1) * count AS groups_3min, ifNull(gap_groups_15min, 1) * count AS groups_15min,
    toDateTime64(toStartOfDay(opened_at) + INTERVAL 12 HOUR, 3, 'UTC') AS noon
  FROM incident_exposed
  WHERE cluster = {cluster:String} AND domain = 'infrastructure' AND impact = 'fault' AND exposed = 1
    AND opened_at >= {since:DateTime64(3, 'UTC')} AND opened_at < {until:DateTime64(3, 'UTC')}
    AND (dated = 1 OR period_until <= {until:DateTime64(3, 'UTC')})
) AS faults
ASOF LEFT JOIN (
  SELECT host, lower(pci) AS address, ts, subject AS uuid FROM inventory
  WHERE cluster = {cluster:String} AND subject_kind = 'gpu' AND pci != ''
) AS held ON held.host = faults.node AND held.address = faults.address AND held.ts <= faults.opened_at
ASOF LEFT JOIN node_gpu_attribute AS gpu_side
  ON gpu_side.cluster = faults.cluster AND gpu_side.host = faults.node AND gpu_side.ts <= faults.noon
ASOF LEFT JOIN node_place_attribute AS place
  ON place.cluster = faults.cluster AND place.host = faults.node AND place.ts <= faults.noon
ORDER BY opened_at, incident_id
