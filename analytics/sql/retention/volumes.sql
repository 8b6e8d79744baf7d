-- Volumes of a storage policy, in their order.
SELECT volume_name AS volume
FROM system.storage_policies
WHERE policy_name = {policy:String}
ORDER BY volume_priority
